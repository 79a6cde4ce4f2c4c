import { join } from 'node:path';
import { isAverage } from '../../compiler/step/index.ts';
import { ImageSource as ImageReading } from '../../data/index.ts';
import { drawPng, transformersReader } from '../../data/node/index.ts';
import { isText } from '../../data/text/index.ts';
import { ThawError } from '../../errors.ts';
import { adapterTensors, type Verification, writeAdapters } from '../../export/index.ts';
import {
  checkModel,
  compareReading,
  type FinishedModel,
  finishModel,
  fitUnknownSamples,
  type Measured,
  type ModelCheck,
  measure,
  predicted,
  withDecidedPlan,
} from '../../session/index.ts';
import type {
  EpochEvaluation,
  Evaluated,
  TaskEvaluation,
  TaskFacts,
  TaskName,
  TaskOutcome,
  TemperatureFit,
  UnknownReport,
} from '../../tasks/index.ts';
import { averagedState, type Checkpoint, checkCheckpoint, type StopReason, stagesOf } from '../../training/index.ts';
import { REPORT_FILE } from '../run/index.ts';
import { writePredictedImages } from './batch-images.ts';
import type { JobHooks } from './events.ts';
import { quoted, shownPath } from './paths.ts';
import { type RunRecord, saveRecord } from './record.ts';
import { describeRun, describeUnmeasured, type RunDescription } from './reports.ts';
import type { FinishedTraining, TrainingJob } from './training-job.ts';

/** How a training ended, discriminated by `status`. Plain data. */
export type TrainingResult<T extends TaskName = TaskName> = {
  readonly why: StopReason;
  /** The run directory, as a short path. */
  readonly run: string;
  readonly epochs: number;
  /** The epoch of the shipped weights; null if no epoch was finished. */
  readonly bestEpoch: number | null;
  /** Evaluation on the validation set before training. */
  readonly before: EpochEvaluation<T> | null;
  readonly seconds: number;
} & (FinishedResult<T> | UnmeasuredResult | InterruptedResult);

/** Paths of a finished model. */
interface Shipped {
  /** The folder to ship. */
  readonly model: string;
  /** The report; null if Thaw could not write it. */
  readonly report: string | null;
}

interface FinishedResult<T extends TaskName> extends Shipped {
  readonly status: 'finished';
  /** Evaluation of the finished model on the validation set. */
  readonly after: TaskEvaluation<T>;
  /** Evaluation of the finished model on the test set, if there is one. */
  readonly test: TaskEvaluation<T> | null;
  /** The temperature that `model/config.json` keeps, and its effect; null if the task has none. */
  readonly calibration: TemperatureFit | null;
  /** How well the model recognises samples of none of its classes; null if the task has no classes, or too few samples. */
  readonly unknown: UnknownReport | null;
}

/** No validation sample could be read at the end. */
interface UnmeasuredResult extends Shipped {
  readonly status: 'unmeasured';
  readonly after: null;
  readonly test: null;
  readonly calibration: null;
  readonly unknown: null;
}

/** The run was saved, and `resume` continues it. */
interface InterruptedResult {
  readonly status: 'interrupted';
  readonly after: null;
  readonly test: null;
  readonly calibration: null;
  readonly unknown: null;
  readonly model: null;
  readonly report: null;
}

/**
 * Measures the best weights, writes `model/`, compares the exported model with the trainer, and writes the report. A failure after `model/`
 * is written leaves the model in place.
 */
export async function finishRun({ session, ...given }: TrainingJob, hooks: JobHooks): Promise<TrainingResult> {
  const ended: FinishedTraining = { ...given, ...session.parts };
  const { run, record, about } = ended;
  const path = shownPath(run.path);
  const began = performance.now();
  const secondsSoFar = () => record.seconds + (performance.now() - began) / 1000;
  if (!record.stopped) return interruptedResult(path, record, await run.checkpoint('last'));
  const { last, kept } = await checkpointsOf(ended);
  const job = { ...ended, settings: withDecidedPlan(ended.settings, last.progress) };
  if (job.settings !== ended.settings) await run.writeConfig({ model: about.model, data: about.data, ...job.settings });
  const interrupted = () => interruptedResult(path, record, last);

  hooks.onEvent?.({ type: 'phase', phase: 'evaluating' });
  if (kept.notice) hooks.onEvent?.({ type: 'notice', message: kept.notice });
  const trained = session.trained(kept);
  const { checkpoint: best } = trained;
  // Without data on the server of a federation, the clients' measurements count.
  const measured = job.federation && !job.dataset.val.length ? await predicted(trained) : await measure(trained);
  if (hooks.signal?.aborted) return interrupted();
  if (!measured.predictions.length) hooks.onEvent?.({ type: 'notice', message: UNMEASURED });

  hooks.onEvent?.({ type: 'phase', phase: 'exporting' });
  const finished = finishModel(trained, measured);
  const unknown = await fitUnknownSamples(trained, finished);
  // The exported model takes whole images, so the cached features are not needed.
  job.features.keepOnly([]);
  if (!unknown && trained.task.unknown && measured.predictions.length)
    hooks.onEvent?.({ type: 'notice', message: NOTHING_UNKNOWN });
  if (hooks.signal?.aborted) return interrupted();
  const results = { ...measured, unknown: unknown?.report ?? null, best, last, seconds: secondsSoFar(), path };
  const described =
    'val' in results ? await describeRun(job, results, finished) : await describeUnmeasured(job, results, finished);
  await run.writeModelFolder(finished.folder(described.card(), { unknown: unknown?.note }));
  if (job.config.lora)
    await run.writeAdapters(adapterFolder(job, measured.task.facts, { ...kept, state: averagedState(kept.state) }));
  await saveRecord(run, { ...record, seconds: secondsSoFar(), task: measured.task.facts });
  const check = await checkModel(trained, measured, finished);
  const resizing = await compareResizing(job, trained, measured, finished);
  reportCheck(check, { of: trained.val.length, synthetic: !('val' in measured) }, hooks);
  if (check.integerKernels || resizing || !check.verification.holds)
    await run.writeFile(CARD, described.card({ ...check, resizing }));
  if (hooks.signal?.aborted) return interrupted();

  hooks.onEvent?.({ type: 'phase', phase: 'reporting' });
  const reported = await writeReport(job, described, measured, hooks);
  const complete = { ...record, seconds: secondsSoFar(), task: measured.task.facts };
  await saveRecord(run, complete);
  const facts = factsOf(path, complete, last);
  const shipped = { model: join(path, 'model'), report: reported ? join(path, REPORT_FILE) : null };
  if (!('val' in measured))
    return { ...facts, ...shipped, status: 'unmeasured', after: null, test: null, calibration: null, unknown: null };
  // The task of the run determines the type of the measurements.
  const { val, test, calibration } = measured as Measured<TaskOutcome, TaskEvaluation>;
  return { ...facts, ...shipped, status: 'finished', after: val, test, calibration, unknown: results.unknown };
}

/** Images that are read as transformers.js reads them. */
const RESIZED = 16;

/** Compares with transformers.js's way to resize images, on some of the validation images. */
async function compareResizing(
  { dataset, format }: FinishedTraining,
  trained: Parameters<typeof compareReading>[0],
  measured: Parameters<typeof compareReading>[1],
  finished: FinishedModel,
): Promise<Verification | undefined> {
  const { val: samples } = dataset;
  if (isText(format) || samples.length === 0) return undefined;
  const step = Math.max(1, Math.floor(samples.length / RESIZED));
  const order = () => samples.flatMap((_, i) => (i % step === 0 ? [i] : [])).slice(0, RESIZED);
  const read = new ImageReading({ samples, preprocessing: format, order }, transformersReader());
  return compareReading(trained, measured, finished, read);
}

const NOTHING_UNKNOWN =
  'too few samples to recognise unknown ones (thaw predict --unknown). thaw calibrate can fit it later, on other labelled samples';

const CARD = 'model/README.md';
const UNMEASURED =
  'Thaw cannot read any validation sample now. The model is finished; its scores are those from training';

/** Writes the charts first, so that a run with `report.html` has its whole report. @returns whether the report was written */
async function writeReport(
  { run, dataset, sources, about }: FinishedTraining,
  described: RunDescription,
  measured: Pick<Measured<TaskOutcome, Evaluated>, 'task' | 'predictions'>,
  { onEvent }: JobHooks,
) {
  try {
    const { preprocessing } = about;
    // The server of a federation can have no data; its predictions are of synthetic samples.
    const drawn = dataset.val.length && !isText(preprocessing) ? preprocessing : undefined;
    // Next to each other: most of the time, images are read or a model runs.
    const [{ html, plots }] = await Promise.all([
      described.report(),
      drawn && writePredictedImages(run, { ...dataset, val: sources.val }, drawn, measured),
    ]);
    for (const { name, svg } of plots) await run.writeFile(`plots/${name}.png`, await drawPng(svg));
    await run.writeFile(REPORT_FILE, html);
    return true;
  } catch (error) {
    // Errors like a full disk are reported as everywhere else.
    if (error instanceof ThawError && error.code === 'run-directory') throw error;
    const reason = String((error as Error).message ?? error).split('\n')[0];
    const again = `thaw resume ${quoted(shownPath(run.path))}`;
    onEvent?.({
      type: 'notice',
      message: `Thaw could not write the report (${reason}). The model is complete; to try again, run \`${again}\``,
    });
    return false;
  }
}

function reportCheck(
  { verification, integerKernels }: ModelCheck,
  about: { readonly of: number; readonly synthetic: boolean },
  { onEvent }: JobHooks,
): void {
  const { maxDifference, samples, holds } = verification;
  if (samples) onEvent?.({ type: 'verified', maxDifference, samples, holds, ...about });
  if (integerKernels) onEvent?.({ type: 'notice', message: integerKernelsNotice(integerKernels) });
}

const integerKernelsNotice = ({ agreement, samples, maxDifference }: Verification): string =>
  `the model is quantized. With the default settings of ONNX Runtime, this processor gives the same answer for ${Math.round(agreement * samples)} of ${samples} samples (largest difference ${maxDifference.toFixed(3)}). On x64 processors without VNNI, programs must set session.x64quantprecision to 1: see model/README.md`;

/** The last checkpoint, and the weights to ship without the optimizer state, which is at least as large as they are. */
async function checkpointsOf({ run, network, config, anatomy }: FinishedTraining) {
  const last = await run.checkpoint('last');
  const shipped = await run.shipped(last);
  checkCheckpoint(shipped, network, stagesOf(config, anatomy, last.progress).length);
  const { initializers } = network.model.graph;
  const weights = [...shipped.state].filter(([name]) => initializers.has(name) || isAverage(name));
  return { last: { progress: last.progress, state: new Map() }, kept: { ...shipped, state: new Map(weights) } };
}

/** The adapters as separate files, for users who keep many next to one model. */
function adapterFolder(job: FinishedTraining, task: TaskFacts, { state }: Checkpoint) {
  const { anatomy, about, settings, config } = job;
  const { adapters = [], head } = anatomy;
  const { rank, alpha = rank, dropout } = config.lora!;
  const { sha256: model, preprocessing } = about;
  const { keepHead, head: named, output, pooling } = settings;
  const outputs = keepHead ? undefined : job.task.outputs;
  const tensors = adapterTensors(state, adapters, head);
  const set = { model, rank, alpha, head: named, output, outputs, pooling, task, preprocessing, tensors };
  return writeAdapters(set, adapters, head, { dropout, model: about.model });
}

const interruptedResult = (run: string, record: RunRecord, last: Checkpoint): TrainingResult => ({
  ...factsOf(run, record, last),
  ...{ status: 'interrupted', after: null, test: null, calibration: null, unknown: null, model: null, report: null },
});

const factsOf = (run: string, record: RunRecord, { progress }: Checkpoint) => ({
  why: record.stopped ?? 'interrupted',
  run,
  epochs: progress.epoch,
  bestEpoch: progress.best?.epoch ?? null,
  before: record.before as EpochEvaluation | null,
  seconds: record.seconds,
});
