import { stepModels } from '../../artifacts/index.ts';
import type { BatchSource } from '../../data/index.ts';
import { ThawError } from '../../errors.ts';
import type { Tensor } from '../../onnx/index.ts';
import { trainingConfigOf, withClassWeights } from '../../recipe/index.ts';
import { machineOf } from '../../runtime/index.ts';
import type { Evaluated, Scores, TaskOutcome } from '../../tasks/index.ts';
import { planStages, START, Trainer, type TrainingConfig, trainingPlan } from '../../training/index.ts';
import type { JobHooks } from '../events.ts';
import { openFeatures } from '../features.ts';
import { openSources } from '../training-run.ts';
import { prepareRound, type RoundInputs } from './prepare.ts';
import { payloadOf, type RoundState, readRoundState, writeRoundState } from './state.ts';

export interface RoundRequest extends RoundInputs {
  readonly data: string;
  /** The state that the round begins with: a safetensors file. */
  readonly state: Uint8Array;
  /** Leaves the state as it is, and only measures it. */
  readonly evaluateOnly?: boolean;
  /** μ of FedProx: μ/2·Σ(w − w⁰)² in the loss, w⁰ being the state that the round begins with; 0 unless given. */
  readonly proximal?: number;
}

/** What a round came to. */
export interface RoundOutcome {
  /** The new state; null where it was only measured. */
  readonly state: Uint8Array | null;
  /** Samples trained on, or of the validation set where it was only measured. */
  readonly examples: number;
  /** Of the round, and all that went into the state. */
  readonly epochs: number;
  readonly epoch: number;
  /** Of the last epoch; null where it was only measured. */
  readonly train: Scores | null;
  /** Of the validation set, with the new state. */
  readonly val: Scores;
  /** Bytes of the tensors of the state given, and of the new one. */
  readonly bytes: { readonly received: number; readonly sent: number };
}

/**
 * One machine's part of a federation's round: trains on its own data from the state given, or measures it there. The optimizer starts
 * anew every round; the order of samples, augmentation and noise go on from where the state's epochs ended, so that the first round
 * gives the bits of `train`.
 *
 * @throws ThawError `bad-model` where the state is of another model, naming the digests of both; AbortError when asked to stop
 */
export async function round(request: RoundRequest, hooks: JobHooks = {}): Promise<RoundOutcome> {
  const { proximal = 0, evaluateOnly = false } = request;
  if (!(proximal >= 0 && Number.isFinite(proximal)))
    throw new ThawError('bad-config', `setting proximal is ${proximal}`, 'It must be 0 or above');
  const state = readRoundState(request.state);
  const prepared = await prepareRound(request, state, hooks);
  const { network, anatomy, runtime, task, preprocessing } = prepared;
  const dataset = prepared.dataset!;
  const training = dataset.train.map(({ label }) => label);
  const settings = withClassWeights(prepared.settings, training, dataset.classes);
  const config = trainingConfigOf(settings);
  for (const split of evaluateOnly ? (['val'] as const) : (['train', 'val'] as const)) {
    if (dataset[split].length) continue;
    throw new ThawError('bad-data', `${request.data} has nothing in ${split}`, 'Add pictures of the classes to it');
  }
  const sources = openSources({ dataset, preprocessing, settings, task }, hooks);
  const train = laterViews(sources.train, config, state.epoch);
  const updates = Math.ceil(Math.ceil(train.length / config.batch) / config.accumulate);
  const trainer = new Trainer({
    network,
    anatomy,
    task,
    train,
    val: sources.val,
    config,
    runtime,
    features: await openFeatures({ settings, runtime }, hooks),
    resume: { progress: { ...START, epoch: state.epoch, step: state.epoch * updates }, state: state.tensors },
    proximal: proximal ? { mu: proximal, from: state.tensors } : undefined,
  });
  const received = payloadOf(state.tensors);
  if (evaluateOnly) {
    try {
      const val = task.scores(await trainer.evaluate());
      const examples = dataset.val.length;
      return { state: null, examples, epochs: 0, epoch: state.epoch, train: null, val, bytes: { received, sent: 0 } };
    } finally {
      await trainer.release();
    }
  }
  const { progress, tensors } = await trained(trainer, train.length, config, hooks);
  const grown = ownTensors(network.model.graph.initializers, state.tensors, tensors);
  const last = progress.rows.at(-1)!;
  return {
    state: writeRoundState({ ...state, epoch: progress.epoch, tensors: grown }),
    examples: train.length,
    epochs: progress.epoch - state.epoch,
    epoch: progress.epoch,
    train: last.train,
    val: last.val,
    bytes: { received, sent: payloadOf(grown) },
  };
}

async function trained(
  trainer: Trainer<TaskOutcome, Evaluated>,
  samples: number,
  config: TrainingConfig,
  { onEvent, signal }: JobHooks,
) {
  const stop = () => trainer.interrupt();
  signal?.throwIfAborted();
  signal?.addEventListener('abort', stop);
  try {
    const stages = trainer.stages.map(({ train, epochs }) => ({ train: String(train), epochs }));
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

/** Entries of the state as the training left them and what it trained besides; no optimizer state. */
function ownTensors(
  initializers: ReadonlyMap<string, Tensor>,
  before: ReadonlyMap<string, Tensor>,
  after: ReadonlyMap<string, Tensor>,
): Map<string, Tensor> {
  const names = new Set([...before.keys(), ...[...after.keys()].filter((name) => initializers.has(name))]);
  return new Map([...names].map((name) => [name, (after.get(name) ?? before.get(name))!]));
}

export interface FirstStateRequest extends RoundInputs {
  /** A state to add to what the stages of the settings train besides. */
  readonly state?: Uint8Array;
}

/**
 * The state that a federation begins with: what the stages of the settings train, at the model's values and the new head's. Of a state
 * given all entries are kept, and what is missing is added.
 */
export async function firstState(request: FirstStateRequest, hooks: JobHooks = {}): Promise<Uint8Array> {
  const before = request.state && readRoundState(request.state);
  const { network, anatomy, runtime, settings, task, resolved } = await prepareRound(request, before, hooks);
  const { initializers } = network.model.graph;
  const config = trainingConfigOf(settings);
  const machine = await machineOf(runtime);
  const tensors = new Map(before?.tensors);
  for (const stage of planStages(config, anatomy)) {
    const plan = trainingPlan(config, stage, anatomy, anatomy.head.graphOutput);
    for (const { name } of stepModels(network, plan, machine).step.graph.inputs) {
      const initial = initializers.get(name);
      if (initial && !tensors.has(name)) tensors.set(name, initial);
    }
  }
  const { source = resolved.sha256, seed = settings.seed, epoch = 0 }: Partial<RoundState> = before ?? {};
  return writeRoundState({ source, task: task.facts, seed, epoch, tensors });
}
