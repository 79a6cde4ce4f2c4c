import type { BatchSource, Preprocessing } from '../data/index.ts';
import { tensor } from '../onnx/index.ts';
import type { Runtime } from '../runtime/index.ts';
import { type Prediction, predictionsOf } from '../training/index.ts';
import { shippedPictures } from './pictures.ts';

export interface VerifyOptions {
  /** The encoded model. */
  readonly model: Uint8Array;
  readonly runtime: Runtime;
  readonly source: BatchSource;
  /** Of the source's pictures. */
  readonly preprocessing: Preprocessing;
  /** The model is one of `transformersFolder`, and takes pictures as that says. */
  readonly shipped?: boolean;
  readonly batchSize: number;
  /** The trainer's predictions for every sample of the source. */
  readonly expected: readonly Prediction[];
  readonly input: string;
  /** Raw scores. */
  readonly output: string;
  /** Largest allowed difference of a probability. */
  readonly tolerance?: number;
}

export interface Verification {
  readonly samples: number;
  /** Largest difference of a probability. */
  readonly maxDifference: number;
  /** Share of the samples with the same predicted class, 0 to 1. */
  readonly agreement: number;
}

/**
 * Runs a model on a source and compares its probabilities with the trainer's. A difference beyond the tolerance is a bug of
 * ours (or of the runtime), and throws.
 */
export async function verifyExport(options: VerifyOptions): Promise<Verification> {
  const {
    model,
    runtime,
    source,
    preprocessing,
    shipped = false,
    batchSize,
    input,
    output,
    tolerance = 1e-3,
  } = options;
  const expected = new Map(options.expected.map((prediction) => [prediction.index, prediction]));
  // Pictures may have to be decoded beside it.
  const session = await runtime.load(model, { spinning: false });
  let maxDifference = 0;
  let same = 0;
  let samples = 0;
  try {
    for await (const batch of source.batches({ epoch: 0, batchSize })) {
      const images = tensor('float32', batch.shape, batch.images);
      const { [output]: scores } = await session.run(
        { [input]: shipped ? shippedPictures(images, preprocessing) : images },
        [output],
      );
      for (const got of predictionsOf(scores.data as Float32Array, batch.labels, batch.indices)) {
        const wanted = expected.get(got.index);
        if (!wanted) throw new Error(`there is no prediction to compare with for sample ${got.index}`);
        samples++;
        if (got.predicted === wanted.predicted) same++;
        maxDifference = Math.max(maxDifference, difference(got.probabilities, wanted.probabilities));
      }
    }
  } finally {
    await session.release();
  }
  if (samples !== expected.size) throw new Error(`${samples} samples were run to verify ${expected.size} predictions`);
  if (!(maxDifference <= tolerance)) {
    throw new Error(
      `the exported model's probabilities differ from training's by ${maxDifference} (allowed: ${tolerance}) over ${samples} samples`,
    );
  }
  return { samples, maxDifference, agreement: samples === 0 ? 1 : same / samples };
}

/** Infinite where one of them is no number. */
function difference(a: Float32Array, b: Float32Array): number {
  if (a.length !== b.length) throw new Error(`the model has ${a.length} outputs, training had ${b.length}`);
  return a.reduce((most, p, i) => {
    const d = Math.abs(p - b[i]);
    return Number.isNaN(d) ? Number.POSITIVE_INFINITY : Math.max(most, d);
  }, 0);
}
