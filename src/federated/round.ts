import { selectionText } from '../compiler/surgery/index.ts';
import type { BatchSource } from '../data/index.ts';
import { ThawError } from '../errors.ts';
import type { Tensor } from '../onnx/index.ts';
import type { Runtime } from '../runtime/index.ts';
import { type Prepared, type Sources, type TrainSettingsInput, withRecommended } from '../session/index.ts';
import type { Evaluated, Scores, Task, TaskOutcome } from '../tasks/index.ts';
import {
  type Checkpoint,
  Evaluator,
  type FeatureCache,
  START,
  Trainer,
  type TrainingConfig,
  type TrainingEvent,
} from '../training/index.ts';
import { payloadOf, type RoundState, writeRoundState } from './state.ts';

/** The outcome of a round. */
export interface RoundOutcome {
  /** The new state; null if the state was only measured. */
  readonly state: Uint8Array | null;
  /** Training samples, or validation samples if the state was only measured. */
  readonly examples: number;
  /** Of the round, and all that went into the state. */
  readonly epochs: number;
  readonly epoch: number;
  /** Scores of the last epoch; null if the state was only measured. */
  readonly train: Scores | null;
  /** Validation scores of the given state, if they were requested, and of the new one. */
  readonly before: Scores | null;
  readonly val: Scores;
  /** Samples of the validation set. */
  readonly held: number;
  /** Bytes of the tensors of the state given, and of the new one. */
  readonly bytes: { readonly received: number; readonly sent: number };
}

/** How a state is trained, or measured. */
export interface RoundMode {
  /** Only measures the state. */
  readonly evaluateOnly?: boolean;
  /** Measures the state given, too, before it is trained. */
  readonly measure?: boolean;
  /** μ of FedProx: μ/2·Σ(w − w⁰)² in the loss, w⁰ being the state that the round begins with; 0 unless given. */
  readonly proximal?: number;
}

/** A network made ready for a state, and this machine's own data. */
export interface LocalRound extends RoundMode {
  readonly state: RoundState;
  readonly prepared: Pick<Prepared, 'network' | 'anatomy'>;
  readonly task: Task;
  readonly sources: Sources;
  readonly config: TrainingConfig;
  readonly runtime: Runtime;
  readonly features: FeatureCache;
}

/** The plan of a round, as jobs report it. */
export interface RoundPlan {
  readonly type: 'plan';
  readonly stages: readonly { readonly train: string; readonly epochs: number }[];
  readonly stepsPerEpoch: number;
  readonly done: number;
}

/** How a round and its caller talk: a part of how jobs do. */
export interface RoundHooks {
  readonly onEvent?: (event: TrainingEvent<Evaluated> | RoundPlan) => void;
  readonly signal?: AbortSignal;
}

/**
 * The settings of a round: those given, those that the state fixes for all machines, and those that the model recommends.
 *
 * @param config the model's parsed `config.json`
 * @throws ThawError `bad-config` where the settings say otherwise, or for an average that would end with the round
 */
export function roundSettings(
  given: TrainSettingsInput,
  state: RoundState | undefined,
  config: unknown,
): ReturnType<typeof withRecommended> {
  const complete = withRecommended({ ...given, ...(state && fixedBy(state, given)) }, config);
  if (!complete.settings.ema) return complete;
  throw new ThawError(
    'bad-config',
    'a moving average (ema) would end with the round, and the server averages',
    'Leave it out',
  );
}

function fixedBy({ seed, task }: RoundState, given: TrainSettingsInput) {
  const fixed = { seed, task: task.task };
  for (const [name, value] of Object.entries(fixed)) {
    const asked = (given as Record<string, unknown>)[name];
    if (asked === undefined || asked === value) continue;
    throw new ThawError('bad-config', `the state was made with ${name} ${value}, not ${asked}`, 'Leave it out');
  }
  return fixed;
}

/** @throws ThawError `bad-config` if μ is negative or not finite */
export function checkProximal({ proximal = 0 }: RoundMode): void {
  if (proximal >= 0 && Number.isFinite(proximal)) return;
  throw new ThawError('bad-config', `setting proximal is ${proximal}`, 'It must be 0 or above');
}

/**
 * Trains a state on this machine's data, or measures it there. The optimizer starts anew every round. The order of samples, augmentation
 * and noise continue from the epochs of the state.
 *
 * @throws AbortError when asked to stop
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
    const stages = trainer.stages.map(({ train, epochs }) => ({ train: selectionText(train), epochs }));
    onEvent?.({ type: 'plan', stages, stepsPerEpoch: Math.ceil(samples / config.batch), done: 0 });
    for await (const event of trainer.run()) onEvent?.(event);
    signal?.throwIfAborted();
    const { progress, state } = await trainer.checkpoint();
    return { progress, tensors: state };
  } finally {
    signal?.removeEventListener('abort', stop);
  }
}

/** The views of a training turn with its epochs; rounds of one epoch each would show the first one only. */
function laterViews(source: BatchSource, { views }: TrainingConfig, epochs: number): BatchSource {
  const turned = (view: number | undefined) => (view === undefined || view >= views ? view : (view + epochs) % views);
  return {
    length: source.length,
    labels: source.labels,
    fleeting: source.fleeting,
    batches: (options) => source.batches({ ...options, view: turned(options.view) }),
  };
}

/** The entries of the state and all other trained tensors, with their new values. No optimizer state. */
function ownTensors(
  initializers: ReadonlyMap<string, Tensor>,
  before: ReadonlyMap<string, Tensor>,
  after: ReadonlyMap<string, Tensor>,
): Map<string, Tensor> {
  const names = new Set([...before.keys(), ...[...after.keys()].filter((name) => initializers.has(name))]);
  return new Map([...names].map((name) => [name, (after.get(name) ?? before.get(name))!]));
}
