import type { BatchSource } from '../data/index.ts';
import { ThawError } from '../errors.ts';
import type { Tensor } from '../onnx/index.ts';
import type { Runtime } from '../runtime/index.ts';
import {
  type Prepared,
  type Sources,
  type TrainSettingsInput,
  trainingConfigOf,
  withRecommended,
} from '../session/index.ts';
import type { Evaluated, Scores, Task, TaskOutcome } from '../tasks/index.ts';
import {
  type Checkpoint,
  Evaluator,
  type FeatureCache,
  isAdaptive,
  START,
  type StagePlan,
  stagePlans,
  Trainer,
  type TrainingConfig,
  type TrainingEvent,
  viewsOf,
} from '../training/index.ts';
import { payloadOf, type RoundState, writeRoundState } from './state.ts';

/** The result of a round. */
export interface RoundOutcome {
  /** The new state; null in an evaluation. */
  readonly state: Uint8Array | null;
  /** Number of training samples; in an evaluation, of validation samples. */
  readonly examples: number;
  /** Epochs of this round, and all epochs in the state. */
  readonly epochs: number;
  readonly epoch: number;
  /** Scores of the last epoch; null in an evaluation. */
  readonly train: Scores | null;
  /** Validation scores of the initial state, if requested, and of the new one. */
  readonly before: Scores | null;
  readonly val: Scores;
  /** Number of validation samples. */
  readonly held: number;
  /** Bytes of the tensors of the initial state and of the new one. */
  readonly bytes: { readonly received: number; readonly sent: number };
}

/** Whether to train a state or to measure it. */
export interface RoundMode {
  /** Only measures the state, without changing it. */
  readonly evaluateOnly?: boolean;
  /** Also measures the initial state before training. */
  readonly measure?: boolean;
  /** μ of FedProx: μ/2·Σ(w − w⁰)² in the loss, with w⁰ of the initial state. Default: 0. */
  readonly proximal?: number;
}

/** A network prepared for a state, and this machine's own data. */
export interface LocalRound extends RoundMode {
  readonly state: RoundState;
  readonly prepared: Pick<Prepared, 'network' | 'anatomy'>;
  readonly task: Task;
  readonly sources: Sources;
  readonly config: TrainingConfig;
  readonly runtime: Runtime;
  readonly features: FeatureCache;
}

/** The plan of a round, as an event. */
export interface RoundPlan {
  readonly type: 'plan';
  readonly stages: readonly StagePlan[];
  readonly stepsPerEpoch: number;
  readonly done: number;
}

/** Listener and stop signal of a round; compatible with those of jobs. */
export interface RoundHooks {
  readonly onEvent?: (event: TrainingEvent<Evaluated> | RoundPlan) => void;
  readonly signal?: AbortSignal;
}

/** A round has the stages and epochs that all machines agreed on. */
const ROUND_SETTINGS = { preset: 'gradual', stopWhenPerfect: false } as const;

/**
 * The settings of a round: the given ones, those fixed by the state for all machines, and the model's recommendations.
 *
 * @param config the model's parsed `config.json`
 * @throws ThawError `bad-config` if the settings contradict the state, choose an adaptive plan, or use a moving average, which would end with the round
 */
export function roundSettings(
  given: TrainSettingsInput,
  state: RoundState | undefined,
  config: unknown,
): ReturnType<typeof withRecommended> {
  const own = { ...ROUND_SETTINGS, ...given, ...(state && fixedBy(state, given)) };
  const complete = withRecommended(own, config);
  if (isAdaptive(trainingConfigOf(complete.settings))) {
    throw new ThawError(
      'bad-config',
      'the preset adaptive is not available in rounds, because a machine cannot decide for the others',
      'Use --preset gradual, or stages',
    );
  }
  if (!complete.settings.ema) return complete;
  throw new ThawError(
    'bad-config',
    'a moving average (ema) is not available in rounds, because the server averages',
    'Remove ema',
  );
}

function fixedBy({ seed, task }: RoundState, given: TrainSettingsInput) {
  const fixed = { seed, task: task.task };
  for (const [name, value] of Object.entries(fixed)) {
    const asked = (given as Record<string, unknown>)[name];
    if (asked === undefined || asked === value) continue;
    throw new ThawError('bad-config', `the state was made with ${name} ${value}, not ${asked}`, 'Remove the setting');
  }
  return fixed;
}

/** @throws ThawError `bad-config` for an invalid μ */
export function checkProximal({ proximal = 0 }: RoundMode): void {
  if (proximal >= 0 && Number.isFinite(proximal)) return;
  throw new ThawError('bad-config', `setting proximal is ${proximal}`, 'Use 0 or more');
}

/**
 * Trains a state on this machine's data, or measures it. The optimizer starts fresh in every round. The order of samples, augmentation and
 * noise continue after the state's epochs.
 *
 * @throws AbortError if stopped
 */
export async function runRound(round: LocalRound, hooks: RoundHooks = {}): Promise<RoundOutcome> {
  const { state, prepared, task, sources, config, runtime, features, proximal = 0 } = round;
  const { network, anatomy } = prepared;
  const { val } = sources;
  const train = laterViews(sources.train, config, state.epoch);
  const updates = Math.ceil(Math.ceil(train.length / config.batch) / config.accumulate);
  const progress = { ...START, epoch: state.epoch, step: state.epoch * updates };
  const start = { progress, state: state.tensors };
  const received = payloadOf(state.tensors);
  const measured = round.evaluateOnly || round.measure ? await scoresOf(round, start) : null;
  if (measured && round.evaluateOnly) {
    return {
      ...{ state: null, examples: val.length, epochs: 0, epoch: state.epoch },
      ...{ train: null, before: null, val: measured, held: val.length },
      bytes: { received, sent: 0 },
    };
  }
  const trainer = new Trainer({
    ...{ network, anatomy, task, train, val, config, runtime, features, resume: start },
    proximal: proximal ? { mu: proximal, from: state.tensors } : undefined,
  });
  const { progress: reached, tensors } = await trained(trainer, train.length, config, hooks);
  const grown = ownTensors(network.model.graph.initializers, state.tensors, tensors);
  const last = reached.rows.at(-1)!;
  return {
    state: writeRoundState({ ...state, epoch: reached.epoch, tensors: grown }),
    examples: train.length,
    epochs: reached.epoch - state.epoch,
    epoch: reached.epoch,
    train: last.train,
    before: measured,
    val: last.val,
    held: val.length,
    bytes: { received, sent: payloadOf(grown) },
  };
}

/** The scores of a checkpoint on this machine's validation set. */
async function scoresOf(
  { prepared, task, sources, config, runtime, features }: LocalRound,
  checkpoint: Checkpoint,
): Promise<Scores> {
  const evaluator = await Evaluator.open({ ...prepared, task, config, runtime, features, checkpoint });
  try {
    const { loss, predictions } = await evaluator.predict(sources.val, config.batch);
    return task.scores(task.evaluation(predictions, loss));
  } finally {
    await evaluator.release();
  }
}

async function trained(
  trainer: Trainer<TaskOutcome, Evaluated>,
  samples: number,
  config: TrainingConfig,
  { onEvent, signal }: RoundHooks,
) {
  const stop = () => trainer.interrupt();
  signal?.throwIfAborted();
  signal?.addEventListener('abort', stop);
  try {
    onEvent?.({
      type: 'plan',
      stages: stagePlans(trainer.stages),
      stepsPerEpoch: Math.ceil(samples / config.batch),
      done: 0,
    });
    for await (const event of trainer.run()) onEvent?.(event);
    signal?.throwIfAborted();
    const { progress, state } = await trainer.checkpoint();
    return { progress, tensors: state };
  } finally {
    signal?.removeEventListener('abort', stop);
  }
}

/** Continues the views of earlier rounds. Otherwise, rounds of one epoch would only show the first view. */
function laterViews(source: BatchSource, config: TrainingConfig, epochs: number): BatchSource {
  const views = viewsOf(config);
  const turned = (view: number | undefined) => (view === undefined || view >= views ? view : (view + epochs) % views);
  return {
    length: source.length,
    labels: source.labels,
    fleeting: source.fleeting,
    batches: (options) => source.batches({ ...options, view: turned(options.view) }),
  };
}

/** Entries of the state after training, and newly trained parameters; no optimizer state. */
function ownTensors(
  initializers: ReadonlyMap<string, Tensor>,
  before: ReadonlyMap<string, Tensor>,
  after: ReadonlyMap<string, Tensor>,
): Map<string, Tensor> {
  const names = new Set([...before.keys(), ...[...after.keys()].filter((name) => initializers.has(name))]);
  return new Map([...names].map((name) => [name, (after.get(name) ?? before.get(name))!]));
}
