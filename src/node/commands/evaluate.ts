import type { Dataset, Sample } from '../../data/index.ts';
import { ThawError } from '../../errors.ts';
import { type ClassifierSettings, describeData, keptReading, onClasses } from '../../session/index.ts';
import {
  type Assessment,
  type Evaluated,
  type ReportBlock,
  TASKS,
  type Task,
  type TaskOutcome,
} from '../../tasks/index.ts';
import { Classifier } from './classifier.ts';
import type { JobHooks } from './events.ts';
import { openLabelled, plainSource } from './inputs.ts';

export interface EvaluateRequest {
  /** A run, a model folder or file, an address, `hf:owner/name`. */
  readonly model: string;
  readonly data: string;
  /** Of the data set: `val` unless given, else `test`, else everything. */
  readonly split?: 'train' | 'val' | 'test';
  readonly strict?: boolean;
  readonly settings?: ClassifierSettings;
}

/** Of the intervals. */
const SEED = 0;

/**
 * Metrics of a finished model on labelled images.
 *
 * @typeParam A what the model's task comes to
 * @throws ThawError where the model does not say its classes, or the data has others
 */
export async function evaluate<A extends Evaluated = Assessment>(
  request: EvaluateRequest,
  hooks: JobHooks = {},
): Promise<A> {
  return (await measureModel(request, hooks)).assessment as A;
}

/** The same, with what there is to show of it. */
export async function measureModel(
  request: EvaluateRequest,
  hooks: JobHooks,
): Promise<{ readonly assessment: Evaluated; readonly reportBlocks: readonly ReportBlock[] }> {
  const { task, predictions } = await labelledPredictions(request, hooks);
  const assessment = task.assess(predictions, task.loss(predictions), SEED);
  return { assessment, reportBlocks: task.reportBlocks(assessment, predictions) };
}

/** What the model says of the images, and where its JSON files are. */
export async function labelledPredictions(
  request: EvaluateRequest,
  hooks: JobHooks,
): Promise<{ readonly task: Task; readonly predictions: readonly TaskOutcome[]; readonly folder: string }> {
  checkSplit(request.split);
  const classifier = await Classifier.open(request.model, request.settings ?? {}, hooks);
  const { preprocessing, folder } = classifier;
  const { facts, classes } = classifier.task;
  const dataset = await openLabelled(request.data, preprocessing, {
    ...keptReading(TASKS[facts.task].reads(), classes),
    valFraction: 0,
    signal: hooks.signal,
    strict: request.strict,
  });
  const task = onClasses(classifier.task, dataset.classes);
  hooks.onEvent?.(describeData(dataset, task, preprocessing));
  const samples = samplesOf(dataset, request);
  const source = plainSource(samples, preprocessing, hooks, classifier.testViews);
  const predictions: TaskOutcome[] = [];
  for await (const batch of classifier.predict(source)) {
    hooks.signal?.throwIfAborted();
    predictions.push(...batch);
    hooks.onEvent?.({ type: 'evaluated', done: predictions.length, of: samples.length });
  }
  await classifier.release();
  return { task, predictions, folder };
}

const SPLITS = ['val', 'test', 'train'] as const;

function checkSplit(split: string | undefined): void {
  if (split === undefined || (SPLITS as readonly string[]).includes(split)) return;
  throw new ThawError('bad-config', `there is no split "${split}"`, `Choose one of: ${SPLITS.join(', ')}`);
}

function samplesOf(dataset: Dataset, { split, data }: EvaluateRequest): readonly Sample[] {
  const chosen = split ?? SPLITS.find((name) => dataset[name].length > 0) ?? 'val';
  if (dataset[chosen].length > 0) return dataset[chosen];
  throw new ThawError('bad-data', `${data} has nothing in ${chosen}`, 'Choose another --split, or leave it out');
}
