import type { Batch, BatchSource } from '../../data/index.ts';
import { requireRequest, ThawError } from '../../errors.ts';
import type { RateTest } from '../../report/index.ts';
import {
  describeData,
  openSources,
  optionsOf,
  prepareModel,
  readSettings,
  type TrainSettingsInput,
  taskOf,
  trainingConfigOf,
  withClassWeights,
} from '../../session/index.ts';
import {
  CompiledStage,
  parseConfig,
  planStages,
  scheduleSchema,
  smoothed,
  suggestRates,
  type TrainingConfig,
  trainingPlan,
  viewOf,
  viewsOf,
} from '../../training/index.ts';
import { openRuntime } from './environment.ts';
import type { JobHooks } from './events.ts';
import { openFeatures } from './features.ts';
import { fileReading } from './inputs.ts';
import { openDataOf, openModel } from './opening.ts';

export interface FindLrRequest {
  readonly model: string;
  readonly data: string;
  /** Ends of the range. Default: 1e-6 and 1. */
  readonly from?: number;
  readonly to?: number;
  /** Number of steps. Default: 80. */
  readonly steps?: number;
  /** As for a training. The test trains the parameters of the first stage. */
  readonly settings?: TrainSettingsInput;
}

/** Weight of the old value in the running average of the loss. */
const INERTIA = 0.9;
/** The test ends once the running average is this many times its minimum. */
const TOO_HIGH = 3;

/**
 * Learning-rate range test (Smith, "Cyclical learning rates for training neural networks", 2017): raises the rate exponentially on a
 * temporary copy, and suggests the rate at which the loss falls fastest.
 *
 * @example
 * ```ts
 * import { findLearningRate } from 'thaw';
 *
 * const { suggestions } = await findLearningRate({ model: 'model.onnx', data: './images' });
 * console.log(suggestions);
 * ```
 */
export async function findLr(request: FindLrRequest, hooks: JobHooks = {}): Promise<RateTest> {
  requireRequest(request);
  const { from = 1e-6, to = 1, steps = 80 } = request;
  if (!(from > 0 && to > from)) {
    throw new ThawError(
      'bad-config',
      `the rates range from ${from} to ${to}`,
      'The first must be above 0 and below the second',
    );
  }
  if (!(Number.isInteger(steps) && steps >= 10)) {
    throw new ThawError('bad-config', `the test has ${steps} steps`, 'Use at least 10');
  }
  const { device, seed, threads } = readSettings({ ...request.settings });
  const runtime = await openRuntime(device, hooks, threads);
  const opened = await openModel(request, hooks);
  const { resolved, model, settings, preprocessing } = opened;
  const dataset = await openDataOf(opened, request.data, hooks);
  const task = taskOf(model, dataset, settings);
  const config = trainingConfigOf(
    withClassWeights(
      settings,
      dataset.train.map(({ label }) => label),
      dataset.classes,
    ),
  );
  hooks.onEvent?.(describeData(dataset, task, preprocessing));
  hooks.onEvent?.({ type: 'phase', phase: 'preparing' });
  const { network, anatomy } = await prepareModel(
    model,
    runtime,
    optionsOf(model, resolved, task, settings, preprocessing),
  );
  const [first] = planStages(config, anatomy);
  // The test sets the rate. Momentum stays constant.
  const schedule = parseConfig(scheduleSchema, 'constant');
  const plan = trainingPlan(config, { ...first, schedule }, anatomy, anatomy.head.graphOutput);
  const features = await openFeatures({ settings, runtime }, hooks);
  const stage = await CompiledStage.compile({ network, plan, task, runtime, seed, cache: features });
  const { train } = openSources({ dataset, format: preprocessing, settings, task }, fileReading(hooks));
  const losses: { lr: number; loss: number }[] = [];
  let average = 0;
  /** Losses of the batches of the current step. */
  let parts: number[] = [];
  let lowest = Number.POSITIVE_INFINITY;
  for await (const batch of endlessEpochs(stage, train, config)) {
    hooks.signal?.throwIfAborted();
    const step = losses.length + 1;
    const lr = from * (to / from) ** ((step - 1) / (steps - 1));
    const [result] = await stage.train([{ batch, lr, step, part: parts.length }]);
    parts.push(result.loss);
    if (parts.length < config.accumulate) continue;
    await stage.update({ lr, step });
    const loss = parts.reduce((all, part) => all + part, 0) / parts.length;
    parts = [];
    if (!Number.isFinite(loss)) break;
    losses.push({ lr, loss });
    average = INERTIA * average + (1 - INERTIA) * loss;
    const running = average / (1 - INERTIA ** step);
    lowest = Math.min(lowest, running);
    hooks.onEvent?.({ type: 'rate', step, steps, lr, loss, running });
    if (step === steps || running > TOO_HIGH * lowest) break;
  }
  await stage.release();
  const points = smoothed(losses);
  const suggestions = suggestRates(points);
  return { model: resolved.source, data: request.data, points, suggestions, suggestion: suggestions?.steep ?? null };
}

/** Endless epochs, with the views of the first stage. */
async function* endlessEpochs(
  stage: CompiledStage,
  source: BatchSource,
  config: TrainingConfig,
): AsyncGenerator<Batch> {
  for (let epoch = 0; ; epoch++) {
    const kept = stage.frozen.caches && !source.fleeting;
    const view = viewOf({ stage: 0, stageEpoch: epoch, epoch }, kept ? viewsOf(config) : 0);
    yield* stage.frozen.batches(source, { epoch, view, batchSize: config.batch });
  }
}
