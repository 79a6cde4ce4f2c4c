import { type Batch, type ImageReader, inputsOf, type Preprocessing, seenArea, type TestView } from '../data/index.ts';
import { isText } from '../data/text/index.ts';
import { ThawError } from '../errors.ts';
import { nearestHint } from '../nearest.ts';
import { tensor } from '../onnx/index.ts';
import type { Task, TaskOutcome } from '../tasks/index.ts';
import { type Explainer, type ExplainOptions, type Explanation, readExplainOptions } from './explainer.ts';
import type { InputFormat } from './input-format.ts';

/** A model that predicts and explains. */
export interface ExplainedModel {
  readonly task: Task;
  readonly format: InputFormat;
  /** Images of a batch. */
  readonly batchSize: number;
  readonly testViews?: readonly TestView[];
  outcomesOf(batch: Batch): Promise<readonly TaskOutcome[]>;
  explainer(): Promise<Explainer>;
}

/** How images to explain are read. */
export interface ExplainedImages {
  readonly reader: ImageReader;
  /** The label of each image to explain; the one of the options unless given. */
  readonly labels?: readonly string[];
  /** Called with each image that cannot be read; it is skipped unless this throws. */
  failed(file: string, reason: string): void;
}

/**
 * Explains the predictions of images, in their order.
 *
 * @throws ThawError `bad-model` or `bad-config` if the model or the method cannot; whatever `failed` throws
 */
export async function* explainImages(
  { task, format, batchSize, testViews, outcomesOf, explainer }: ExplainedModel,
  { files, reader, failed, labels }: ExplainedImages & { readonly files: readonly string[] },
  given: ExplainOptions,
): AsyncGenerator<Explanation & { readonly index: number }> {
  const options = readExplainOptions(given);
  const p = imageFormat(format);
  if (testViews) throw new ThawError('bad-config', 'tta: an explanation is of one view of an image', 'Leave it out');
  const chosen = files.map((_, i) => outputNamed(task, labels?.[i] ?? options.label));
  for (let from = 0; from < files.length; from += batchSize) {
    const read = await Promise.all(
      files.slice(from, from + batchSize).map(async (file, i) => {
        const pixels = await reader.decode(file, p, false).catch((error) => failed(file, reader.failureReason(error)));
        return pixels ? [{ index: from + i, pixels }] : [];
      }),
    );
    const images = read.flat();
    if (!images.length) continue;
    const { data, shape } = inputsOf(
      images.map(({ pixels }) => pixels),
      p,
    );
    const batch = {
      inputs: [tensor('float32', shape, data)],
      labels: new BigInt64Array(images.length),
      indices: images.map(({ index }) => index),
    };
    const outcomes = await outcomesOf(batch);
    const outputs = outcomes.map(
      (outcome, i) => chosen[images[i].index] ?? task.answers!.output(outcome) ?? refuseSeveral(task),
    );
    const explained = await (await explainer()).explain({ images: batch.inputs[0], outputs }, options);
    for (const [i, { index, pixels }] of images.entries()) {
      const answer = task.answers!.score(outcomes[i], outputs[i]);
      yield { index, label: task.classes[outputs[i]], ...answer, ...explained[i], area: seenArea(pixels, p) };
    }
  }
}

/** @throws ThawError `bad-config` if the model reads texts */
export function imageFormat(format: InputFormat): Preprocessing {
  if (!isText(format)) return format;
  throw new ThawError(
    'bad-config',
    'explanations are maps of images, and the model reads texts',
    'Give a model that reads images',
  );
}

/** The output with a name. @throws ThawError `bad-config` if there is none, or outputs mean nothing alone */
function outputNamed({ answers, classes, facts }: Task, label: string | undefined): number | undefined {
  if (!answers)
    throw new ThawError(
      'bad-config',
      `the task of the model is ${facts.task}, whose outputs have no meaning one by one`,
      'Give a model that predicts classes, labels or numbers',
    );
  if (label === undefined) return undefined;
  const output = classes.indexOf(label);
  if (output >= 0) return output;
  throw new ThawError('bad-config', `the model has no label "${label}"`, nearestHint(label, classes));
}

const refuseSeveral = ({ classes }: Task): never => {
  throw new ThawError(
    'bad-config',
    `the model gives ${classes.length} numbers, and an explanation is of one`,
    `Choose one: ${classes.join(', ')}`,
  );
};
