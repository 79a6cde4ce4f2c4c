import { stepModels } from '../../../compiler/step/index.ts';
import { requireRequest } from '../../../errors.ts';
import {
  ownRound,
  type RoundMode,
  type RoundOutcome,
  type RoundState,
  readRoundState,
  variancesOf,
  writeRoundState,
} from '../../../federated/index.ts';
import { machineOf } from '../../../runtime/index.ts';
import { trainingConfigOf } from '../../../session/index.ts';
import { planStages, trainingPlan } from '../../../training/index.ts';
import type { JobHooks } from '../events.ts';
import { nodePlatform } from '../platform.ts';
import { openRoundModel, prepareRound, type RoundInputs } from './prepare.ts';

export interface RoundRequest extends RoundInputs, RoundMode {
  readonly data: string;
  /** The initial state of the round: a safetensors file. */
  readonly state: Uint8Array;
}

/** Runs this machine's part of a round on data from files; see `ownRound`. */
export async function round(request: RoundRequest, hooks: JobHooks = {}): Promise<RoundOutcome> {
  requireRequest(request);
  const { data, state, proximal, evaluateOnly, measure } = request;
  const { runtime, inputs } = await openRoundModel(request, hooks);
  const asked = { ...inputs, state, proximal, evaluateOnly, measure };
  return ownRound(asked, nodePlatform(runtime, data, hooks), hooks);
}

export interface FirstStateRequest extends RoundInputs {
  /** An existing state, to which missing entries are added. */
  readonly state?: Uint8Array;
}

/**
 * The first state of a federation: all parameters that the stages of the settings train, with the values of the model and the new head. An
 * existing state keeps its entries.
 */
export async function firstState(request: FirstStateRequest, hooks: JobHooks = {}): Promise<Uint8Array> {
  requireRequest(request);
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
