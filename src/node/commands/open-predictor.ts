import type { Runtime } from '../../runtime/index.ts';
import { type PredictionSettings, Predictor, readPredictionSettings } from '../../session/index.ts';
import type { TaskName } from '../../tasks/index.ts';
import { readModelFile } from '../models/files.ts';
import { openRuntime } from './environment.ts';
import type { JobHooks } from './events.ts';
import { fetchModel } from './fetch-model.ts';

export interface OpenPredictorRequest {
  /** A run, a model folder or file, an address, `hf:owner/name` or `default`. */
  readonly model: string;
  readonly settings?: PredictionSettings;
  /** Called with the model's task. It throws if the caller expects another one. */
  readonly check?: (task: TaskName) => void;
  /** Replaces the device of the settings. */
  readonly runtime?: Runtime;
}

/** Loads a finished model. Returns it with its name and the folder of its JSON files. */
export async function openPredictor(
  { model: spec, settings = {}, runtime: given, check }: OpenPredictorRequest,
  hooks: JobHooks,
) {
  const { device } = readPredictionSettings(settings);
  const runtime = given ?? (await openRuntime(device, hooks));
  const files = await fetchModel(spec, hooks);
  const model = await readModelFile(files.path);
  const predictor = await Predictor.open({ model, files, settings }, { runtime, onEvent: hooks.onEvent });
  check?.(predictor.task.facts.task);
  return { predictor, name: files.name, folder: files.folder };
}
