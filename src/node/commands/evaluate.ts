import { type Sample, UNKNOWN } from '../../data/index.ts';
import { ThawError } from '../../errors.ts';
import { unknownOf } from '../../export/index.ts';
import { describeData, keptReading, onClasses } from '../../session/index.ts';
import {
  answerOf,
  type ClassOutcome,
  type Evaluated,
  measureUnknown,
  type ReportBlock,
  TASKS,
  type Task,
  type TaskName,
  type TaskOutcome,
  type UnknownAnswer,
  type UnknownReport,
} from '../../tasks/index.ts';
import type { JobHooks } from './events.ts';
import { fetchModel } from './fetch-model.ts';
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
  const { task, predictions, measured, samples, examples } = await labelledPredictions(request, hooks);
  const unknown = examples.length
    ? await measureExamples(request, { known: isSeen(measured) ? undefined : samples, unknown: examples }, hooks)
    : undefined;
  const assessment = { ...task.assess(predictions, task.loss(predictions), SEED), ...(unknown && { unknown }) };
  return { assessment, reportBlocks: task.reportBlocks(assessment, predictions), measured };
}

/** Whether the model was fitted on the samples: then it keeps their distances, each without the sample itself. */
export const isSeen = ({ ofRun, split }: MeasuredSamples): boolean => ofRun && split !== 'test';

/**
 * How well the model recognises the examples of none of its classes; undefined, with a notice, if it keeps nothing to do so.
 *
 * @param known samples of the classes; those of the fit unless given
 */
async function measureExamples(
  request: EvaluateRequest,
  { known, unknown }: { readonly known: readonly Sample[] | undefined; readonly unknown: readonly Sample[] },
  hooks: JobHooks,
): Promise<UnknownReport | undefined> {
  const { config } = await fetchModel(request.model, hooks);
  const note = unknownOf(config);
  if (!note) {
    const message = `${request.model} keeps nothing to recognise unknown samples with, so ${UNKNOWN} is not measured (thaw calibrate fits it)`;
    hooks.onEvent?.({ type: 'notice', message });
    return undefined;
  }
  const { predictor } = await openPredictor({ ...request, settings: { ...request.settings, unknown: true } }, {});
  const answersOf = async (samples: readonly Sample[]) => {
    const answers: UnknownAnswer[] = [];
    for await (const batch of predictor.outcomes(plainSource(samples, predictor.parts.format))) {
      hooks.signal?.throwIfAborted();
      answers.push(...batch.flatMap((outcome) => (outcome as ClassOutcome).unknown ?? []));
    }
    return answers;
  };
  try {
    const rate = request.settings?.unknownRate ?? note.rate;
    const answers = known ? await answersOf(known) : note.known.map(answerOf(note, rate));
    return measureUnknown(answers, await answersOf(unknown), rate);
  } finally {
    await predictor.release();
  }
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
  /** The samples, and examples of none of the classes. */
  readonly samples: readonly Sample[];
  readonly examples: readonly Sample[];
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
    return { task, predictions, folder, measured, samples, examples: given.unknown ?? [] };
  } finally {
    await predictor.release();
  }
}

function checkSplit(split: string | undefined): void {
  if (split === undefined || (SPLITS as readonly string[]).includes(split)) return;
  throw new ThawError('bad-config', `unknown split "${split}"`, `Choose one of: ${SPLITS.join(', ')}`);
}
