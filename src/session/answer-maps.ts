import type { ImageReader } from '../data/index.ts';
import { ThawError } from '../errors.ts';
import { type Model, weightBytes } from '../onnx/index.ts';
import { ENCODED, type Runtime } from '../runtime/index.ts';
import type { Explanation } from './explainer.ts';
import { Predictor } from './predictor.ts';

/** An image, and the labels to explain. */
export interface ExplainedAnswers {
  readonly file: string;
  readonly labels: readonly string[];
}

/** Maps of images by their files, one for each label. */
export type AnswerMaps = ReadonlyMap<string, readonly Explanation[]>;

/** Images at once. Few, because of the memory that gradients take. */
const BATCH = 4;
/** Bytes of weights, from which gradients of several images would take more memory than the training of a head. */
const LARGE = 2 ** 28;
/** Enough to see the parts of a small image. */
const STEPS = 16;

/**
 * Explains answers of a finished model by the method that suits it, for a report.
 *
 * @throws ThawError if the model gives no map, or is so large that gradients would take more memory than its training. Images that cannot be
 * read are skipped.
 */
export async function answerMaps(
  model: Model,
  asked: readonly ExplainedAnswers[],
  { runtime, reader }: { readonly runtime: Runtime; readonly reader: ImageReader },
): Promise<AnswerMaps> {
  const weights = weightBytes(model.graph.initializers);
  if (weights > ENCODED)
    throw new ThawError(
      'memory',
      'maps of a model with more than 1 GiB of weights take more memory and time than its training',
      'Make them with thaw explain',
    );
  const files = { name: 'model', source: 'model' };
  const settings = { batch: weights > LARGE ? 1 : BATCH };
  const predictor = await Predictor.open({ model, files, settings }, { runtime });
  const pairs = asked.flatMap(({ file, labels }) => labels.map((label) => ({ file, label })));
  const maps = new Map<string, Explanation[]>();
  try {
    const images = { reader, labels: pairs.map(({ label }) => label), failed: () => {} };
    const explaining = predictor.explain(
      pairs.map(({ file }) => file),
      images,
      { steps: STEPS },
    );
    for await (const { index, ...explanation } of explaining) {
      const { file } = pairs[index];
      maps.set(file, [...(maps.get(file) ?? []), explanation]);
    }
    return maps;
  } finally {
    await predictor.release();
  }
}
