import {
  type RoundInputs as Inputs,
  type PreparedRound as Prepared,
  prepareRound as prepare,
  type RoundState,
} from '../../../federated/index.ts';
import type { Runtime } from '../../../runtime/index.ts';
import { readSettings, type TrainSettingsInput } from '../../../session/index.ts';
import { readModelFile } from '../../models/files.ts';
import type { ResolvedModel } from '../../models/index.ts';
import { openRuntime } from '../environment.ts';
import type { JobHooks } from '../events.ts';
import { fetchModel } from '../fetch-model.ts';
import { readFrom } from '../platform.ts';

export interface RoundInputs {
  readonly model: string;
  readonly data?: string;
  readonly settings?: TrainSettingsInput;
}

/** A model prepared for the rounds of a federation on this machine. */
export interface PreparedRound extends Prepared {
  readonly runtime: Runtime;
  readonly resolved: ResolvedModel;
}

/** Reads the model of a round, and opens the device of the settings. */
export async function openRoundModel(
  { model: spec, settings: given = {} }: RoundInputs,
  hooks: JobHooks,
): Promise<{ readonly runtime: Runtime; readonly resolved: ResolvedModel; readonly inputs: Inputs }> {
  const resolved = await fetchModel(spec, hooks);
  // Each round is a separate process, so only a disk cache keeps the features between rounds.
  const settings: TrainSettingsInput = { cache: 'disk', ...given };
  const { device, threads } = readSettings({ device: given.device, threads: given.threads });
  const runtime = await openRuntime(device, hooks, threads);
  return {
    runtime,
    resolved,
    inputs: { model: () => readModelFile(resolved.path), files: resolved, sha256: await resolved.sha256(), settings },
  };
}

/**
 * @param state defines the classes and the seed; without a state, the data or the labels in the settings define the classes
 * @throws ThawError if the state belongs to another model or does not fit the settings
 */
export async function prepareRound(
  request: RoundInputs,
  state: RoundState | undefined,
  hooks: JobHooks,
): Promise<PreparedRound> {
  const { runtime, resolved, inputs } = await openRoundModel(request, hooks);
  const dataset = request.data === undefined ? undefined : readFrom(request.data, hooks);
  return { ...(await prepare(inputs, state, { ...hooks, runtime, dataset })), runtime, resolved };
}
