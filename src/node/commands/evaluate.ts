import { ThawError } from '../../errors.ts';
import { describeData, keptReading, onClasses } from '../../session/index.ts';
import {
  type Evaluated,
  type ReportBlock,
  TASKS,
  type Task,
  type TaskName,
  type TaskOutcome,
} from '../../tasks/index.ts';
import type { JobHooks } from './events.ts';
import { openLabelled, plainSource } from './inputs.ts';
import { chooseSamples, type MeasuredSamples, SPLITS } from './measured.ts';
import { type OpenPredictorRequest, openPredictor } from './open-predictor.ts';

export interface EvaluateRequest<T extends TaskName = TaskName> extends Omit<OpenPredictorRequest<T>, 'runtime'> {
  readonly data: string;
  /** Split of the data set. Default: `val`, else `test`, else everything. The run's own data has the run's split. */
  readonly split?: 'train' | 'val' | 'test';
  readonly strict?: boolean;
}

/** Seed of the bootstrap for confidence intervals. */
const SEED = 0;

/**
 * Measures a finished model on labelled images or texts. Returns the metrics, and report blocks for display.
 *
 * @throws ThawError if the model does not name its classes, or the data has other classes
 */
export async function evaluate(
  request: EvaluateRequest,
  hooks: JobHooks = {},
): Promise<{
  readonly assessment: Evaluated;
  readonly reportBlocks: readonly ReportBlock[];
  readonly measured: MeasuredSamples;
}> {
  const { task, predictions, measured } = await labelledPredictions(request, hooks);
  const assessment = task.assess(predictions, task.loss(predictions), SEED);
  return { assessment, reportBlocks: task.reportBlocks(assessment, predictions), measured };
}

/** The model's predictions for labelled samples, and the folder of its JSON files. */
export async function labelledPredictions(
  request: EvaluateRequest,
  hooks: JobHooks,
): Promise<{
  readonly task: Task;
  readonly predictions: readonly TaskOutcome[];
  readonly folder: string;
  readonly measured: MeasuredSamples;
}> {
  checkSplit(request.split);
  const { predictor, folder } = await openPredictor(request, hooks);
  try {
    const { format, testViews } = predictor.parts;
    const { facts, classes } = predictor.task;
    const given = await openLabelled(request.data, format, {
      ...keptReading(TASKS[facts.task].reads(), classes),
      valFraction: 0,
      signal: hooks.signal,
      strict: request.strict,
    });
    const chosen = await chooseSamples(given, { ...request, folder, format }, hooks);
    const { dataset, samples, measured } = chosen;
    const task = onClasses(predictor.task, dataset.classes);
    hooks.onEvent?.(describeData(dataset, task, format));
    hooks.onEvent?.({ type: 'measuring', ...measured });
    const source = plainSource(samples, format, hooks, testViews);
    const predictions: TaskOutcome[] = [];
    for await (const batch of predictor.outcomes(source)) {
      hooks.signal?.throwIfAborted();
      predictions.push(...batch);
      hooks.onEvent?.({ type: 'evaluated', done: predictions.length, of: samples.length });
    }
    return { task, predictions, folder, measured };
  } finally {
    await predictor.release();
  }
}

function checkSplit(split: string | undefined): void {
  if (split === undefined || (SPLITS as readonly string[]).includes(split)) return;
  throw new ThawError('bad-config', `unknown split "${split}"`, `Choose one of: ${SPLITS.join(', ')}`);
}
