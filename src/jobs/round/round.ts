import { stepModels } from '../../artifacts/index.ts';
import { ThawError } from '../../errors.ts';
import {
  checkProximal,
  type RoundMode,
  type RoundOutcome,
  type RoundState,
  readRoundState,
  runRound,
  variancesOf,
  writeRoundState,
} from '../../federated/index.ts';
import { trainingConfigOf, withClassWeights } from '../../recipe/index.ts';
import { machineOf } from '../../runtime/index.ts';
import { openSources } from '../../session/index.ts';
import { planStages, trainingPlan } from '../../training/index.ts';
import type { JobHooks } from '../events.ts';
import { openFeatures } from '../features.ts';
import { fileReading } from '../inputs.ts';
import { prepareRound, type RoundInputs } from './prepare.ts';

export interface RoundRequest extends RoundInputs, RoundMode {
  readonly data: string;
  /** The state that the round begins with: a safetensors file. */
  readonly state: Uint8Array;
}

/**
 * One machine's part of a federation's round: trains on its own data from the state given, or measures it there. The optimizer starts
 * anew every round; the order of samples, augmentation and noise go on from where the state's epochs ended, so that the first round
 * gives the bits of `train`.
 *
 * @throws ThawError `bad-model` where the state is of another model, naming the digests of both; AbortError when asked to stop
 */
export async function round(request: RoundRequest, hooks: JobHooks = {}): Promise<RoundOutcome> {
  const { proximal, evaluateOnly = false, measure } = request;
  checkProximal(request);
  const state = readRoundState(request.state);
  const prepared = await prepareRound(request, state, hooks);
  const { runtime, task, preprocessing } = prepared;
  const dataset = prepared.dataset!;
  const training = dataset.train.map(({ label }) => label);
  const settings = withClassWeights(prepared.settings, training, dataset.classes);
  for (const split of evaluateOnly ? (['val'] as const) : (['train', 'val'] as const)) {
    if (dataset[split].length) continue;
    throw new ThawError('bad-data', `${request.data} has nothing in ${split}`, 'Add pictures of the classes to it');
  }
  const sources = openSources({ dataset, format: preprocessing, settings, task }, fileReading(hooks));
  const features = await openFeatures({ settings, runtime }, hooks);
  const config = trainingConfigOf(settings);
  return runRound(
    { state, prepared, task, sources, config, runtime, features, proximal, evaluateOnly, measure },
    hooks,
  );
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
  const { source = await resolved.sha256(), seed = settings.seed, epoch = 0 }: Partial<RoundState> = before ?? {};
  const variances = [...variancesOf(network.model.graph)].filter((name) => tensors.has(name));
  return writeRoundState({ source, task: task.facts, seed, epoch, tensors }, variances);
}
