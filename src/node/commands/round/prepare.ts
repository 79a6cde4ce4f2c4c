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

/** A model of this machine made ready for a federation's rounds. */
export interface PreparedRound extends Prepared {
  readonly runtime: Runtime;
  readonly resolved: ResolvedModel;
}

/** The model of a round from its file, and the device that it asks for. */
export async function openRoundModel(
  { model: spec, settings: given = {} }: RoundInputs,
  hooks: JobHooks,
): Promise<{ readonly runtime: Runtime; readonly resolved: ResolvedModel; readonly inputs: Inputs }> {
  const resolved = await fetchModel(spec, hooks);
  // Rounds are processes of their own: outputs of the frozen layers outlive them on disk only.
  const settings: TrainSettingsInput = { cache: 'disk', ...given };
  const runtime = await openRuntime(readSettings({ device: given.device }).device, hooks);
  return {
    runtime,
    resolved,
    inputs: { model: () => readModelFile(resolved.path), files: resolved, sha256: await resolved.sha256(), settings },
  };
}

/**
 * @param state says what is learned, and by which seed; without one the data does, or the labels among the settings
 * @throws ThawError if the state is of another model or does not fit the settings
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
