/** Samples of none of the classes, by the features that the head reads. */
import { inSinglePrecision } from '../compiler/import/index.ts';
import { atEqualSteps, type Batch, type BatchSource, labelCounts, type Sample } from '../data/index.ts';
import { ThawError } from '../errors.ts';
import { unknownOf } from '../export/index.ts';
import type { Model, Tensor } from '../onnx/index.ts';
import {
  answerOf,
  type Evaluated,
  openUnknown,
  type Task,
  type TaskOutcome,
  type UnknownAnswer,
  type UnknownFit,
  type UnknownNote,
} from '../tasks/index.ts';
import { HeadFeatures } from '../training/index.ts';
import {
  type FeatureBatch,
  type FeatureLayout,
  featureRows,
  joinBatches,
  withFeatures,
  withValue,
} from './features.ts';
import type { FinishedModel, Trained } from './finish.ts';
import type { ModelFiles } from './input-format.ts';

/** Most training samples of a fit, over all classes and of each; and fewest of a class (docs/lab/2026-12-whole-trainings.md). */
const MOST = 1000;
const MOST_EACH = 64;
const FEWEST = 4;

/** The training samples of a fit: as many of each class as of the others, if it has them, at equal steps. */
export function fitSamples(train: readonly Sample[], classes: number): Sample[] {
  const each = Math.min(MOST_EACH, Math.max(FEWEST, Math.floor(MOST / classes)));
  const counts = labelCounts(train, classes);
  const seen = new Array<number>(classes).fill(0);
  return train.filter(({ label }) => {
    const taken = Math.min(each, counts[label]);
    const place = seen[label]++;
    // The first of each of so many equal parts.
    return Math.floor((place * taken) / counts[label]) > Math.floor(((place - 1) * taken) / counts[label]);
  });
}

/** Most validation samples that set a threshold. */
const MOST_HELD_OUT = 2000;

/** The validation samples that set a threshold, so that the classes keep their shares. */
export const thresholdSamples = (val: readonly Sample[]): readonly Sample[] =>
  val.length <= MOST_HELD_OUT ? val : atEqualSteps(val.length, MOST_HELD_OUT).map((i) => val[i]);

/** Samples without augmentation, for what recognises samples of none of the classes. */
export interface UnknownSources {
  readonly train: BatchSource;
  readonly val: BatchSource;
  /** Examples of none of the classes, if there are some. */
  readonly unknown?: BatchSource;
}

/**
 * Fits what recognises samples of none of the classes, with the features of the shipped weights.
 *
 * @returns null if the task has no classes, or if there are too few samples
 */
export async function fitUnknownSamples<O extends TaskOutcome, A extends Evaluated>(
  trained: Trained<O, A>,
  { model }: Pick<FinishedModel, 'model'>,
): Promise<UnknownFit | null> {
  const { task, forUnknown, settings, config } = trained;
  if (!task.unknown || !forUnknown?.train.length || !forUnknown.val.length) return null;
  const { layout } = withFeatures(inSinglePrecision(model), settings.head);
  const features = await HeadFeatures.open(trained);
  try {
    const read = (source: BatchSource) => joinBatches(rowsOf(features.batches(source, config.batch), layout));
    const { train, val, unknown } = forUnknown;
    const data = { train: await read(train), val: await read(val) };
    const examples = unknown && (await read(unknown)).features;
    return task.unknown.fit({ ...data, unknown: examples }, { seed: config.seed, features: layout });
  } finally {
    await features.release();
  }
}

async function* rowsOf(
  batches: ReturnType<HeadFeatures['batches']>,
  layout: FeatureLayout,
): AsyncGenerator<FeatureBatch> {
  for await (const { batch, values } of batches) yield { ...batch, features: featureRows(values, layout) };
}

/** Recognises samples of none of the classes, with the note of a finished model. */
export class Recogniser {
  /** The distance of a sample from the classes, by its features. */
  private readonly distance: (features: Float32Array) => number;
  private readonly answer: (distance: number) => UnknownAnswer;

  private constructor(
    readonly note: UnknownNote,
    rate: number | undefined,
  ) {
    this.distance = openUnknown(note);
    this.answer = answerOf(note, rate);
  }

  /**
   * @param rate share of samples of the classes that may be called unknown; that of the model unless given
   * @throws ThawError `bad-config` if the task has no classes, or the model keeps nothing to recognise others with
   */
  static of({ source, config }: ModelFiles, task: Task, rate: number | undefined): Recogniser {
    if (!task.unknown)
      throw new ThawError(
        'bad-config',
        `unknown is for models with one class per sample, not for ${task.facts.task}`,
        'Leave it out',
      );
    const note = unknownOf(config);
    if (note) return new Recogniser(note, rate);
    throw new ThawError(
      'bad-config',
      `${source} keeps nothing to recognise unknown samples with`,
      `Fit it on labelled images: thaw calibrate ${source} IMAGES`,
    );
  }

  /** The name of the value that the head reads. */
  get value(): string {
    return this.note.features.name;
  }

  /** The model with this value as another output. @throws ThawError `bad-model` if it has no such value */
  watched(model: Model): Model {
    const { name, size } = this.note.features;
    if (!model.graph.nodes.some(({ outputs }) => outputs.includes(name))) {
      throw new ThawError(
        'bad-model',
        `the model has no value "${name}" of ${size} features, which the config.json next to it names`,
        'Use the config.json that belongs to the model, or fit it again: thaw calibrate MODEL IMAGES',
      );
    }
    return withValue(model, name);
  }

  /** Outcomes with their answers. A sample in several views has the mean distance over them. @param values the features of a batch */
  marked(outcomes: readonly TaskOutcome[], { indices }: Batch, values: Tensor, task: Task): readonly TaskOutcome[] {
    const { size } = this.note.features;
    const rows = featureRows(values, this.note.features);
    if (rows.length !== indices.length * size)
      throw new ThawError(
        'bad-model',
        `"${this.value}" does not have ${size} features`,
        'Fit it again: thaw calibrate MODEL IMAGES',
      );
    const sums = new Map<number, { total: number; views: number }>();
    for (const [i, index] of indices.entries()) {
      const { total, views } = sums.get(index) ?? { total: 0, views: 0 };
      sums.set(index, { total: total + this.distance(rows.subarray(i * size, (i + 1) * size)), views: views + 1 });
    }
    return outcomes.map((outcome) => {
      const { total, views } = sums.get(outcome.index)!;
      return task.unknown!.mark(outcome, this.answer(total / views));
    });
  }
}
