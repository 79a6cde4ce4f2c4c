import { type Batch, type BatchSource, batchShape, type Preprocessing, type Sample } from '../data/index.ts';
import { isText, TextSource } from '../data/text/index.ts';
import { elementsIn, type Model, tensor } from '../onnx/index.ts';
import { Random } from '../random.ts';
import type { Runtime } from '../runtime/index.ts';
import { openTask } from '../tasks/index.ts';
import { Trainer } from '../training/index.ts';
import { type InputFormat, inputFormatOf, type ModelFiles } from './input-format.ts';
import { optionsOf } from './new-head.ts';
import { prepareModel } from './prepare.ts';
import { readSettings, trainingConfigOf } from './settings.ts';

/** Samples of a measured step. */
export const STEP_SAMPLES = 16;
/** A text of 32 tokens, for a tokenizer of words. */
const TEXT = 'the '.repeat(30);

/** Steps of which the fastest counts, after one that allocates memory. */
const MEASURED = 3;

/**
 * Measures a training step with 16 random images, or 16 texts of about 32 tokens.
 *
 * @param train the layers that train
 * @returns seconds of the fastest of three steps
 * @throws ThawError if the model cannot train
 */
export async function measureStep(model: Model, files: ModelFiles, runtime: Runtime, train = 'all'): Promise<number> {
  const stages = [{ train, epochs: 1 }];
  const settings = readSettings({ stages, batch: STEP_SAMPLES, rollbacks: { most: 0 } });
  const format = inputFormatOf(model, files, settings, {});
  const task = openTask({ task: 'classification', classes: ['a', 'b'] });
  const { network, anatomy } = await prepareModel(model, runtime, optionsOf(model, files, task, settings, format));
  const config = { ...trainingConfigOf(settings), stepsPerRun: 1 };
  const [samples, val] = [sourceOf(format, 1 + MEASURED), sourceOf(format, 1)];
  const trainer = new Trainer({ network, anatomy, task, train: samples, val, config, runtime });
  const seconds: number[] = [];
  for await (const event of trainer.run()) {
    if (event.type === 'step') seconds.push(event.computed);
    if (seconds.length > MEASURED) break;
  }
  return Math.min(...seconds.slice(1));
}

/** Full batches of random samples. */
function sourceOf(format: InputFormat, batches: number): BatchSource {
  const samples = Array.from({ length: batches * STEP_SAMPLES }, (_, i) => ({
    file: `${i}`,
    label: i % 2,
    text: TEXT,
  }));
  return isText(format) ? new TextSource({ samples, format }) : randomImages(format, samples);
}

function randomImages(format: Preprocessing, samples: readonly Sample[]): BatchSource {
  const shape = batchShape(format, STEP_SAMPLES);
  const random = new Random(0, 'step time');
  const images = tensor(
    'float32',
    shape,
    Float32Array.from({ length: elementsIn(shape) }, () => random.uniform() - 0.5),
  );
  return {
    length: samples.length,
    async *batches(): AsyncGenerator<Batch> {
      for (let i = 0; i < samples.length; i += STEP_SAMPLES) {
        const indices = samples.slice(i, i + STEP_SAMPLES).map((_, j) => i + j);
        yield { inputs: [images], labels: BigInt64Array.from(indices, (j) => BigInt(samples[j].label)), indices };
      }
    },
  };
}
