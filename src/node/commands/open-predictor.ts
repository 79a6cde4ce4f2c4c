import type { Runtime } from '../../runtime/index.ts';
import { type PredictionSettings, Predictor, readPredictionSettings } from '../../session/index.ts';
import type { TaskName } from '../../tasks/index.ts';
import { readModelFile } from '../models/files.ts';
import { openRuntime } from './environment.ts';
import type { JobHooks } from './events.ts';
import { fetchModel } from './fetch-model.ts';

export interface OpenPredictorRequest<T extends TaskName = TaskName> {
  /** A run, a model folder or file, an address, `hf:owner/name` or a name from `thaw models`. */
  readonly model: string;
  readonly settings?: PredictionSettings;
  /** The task that the caller expects; any unless given. */
  readonly task?: T;
  /** Replaces the device of the settings. */
  readonly runtime?: Runtime;
  /** Whether the predictor also gives features. */
  readonly features?: boolean;
}

/** Loads a finished model. Returns it with its name and the folder of its JSON files. */
export async function openPredictor<T extends TaskName = TaskName>(
  { model: spec, task, settings = {}, runtime: given, features }: OpenPredictorRequest<T>,
  hooks: JobHooks,
) {
  const { device } = readPredictionSettings(settings);
  const runtime = given ?? (await openRuntime(device, hooks));
  const files = await fetchModel(spec, hooks);
  const model = await readModelFile(files.path);
  const predictor = await Predictor.open<T>(
    { model, files, task, settings, features },
    { runtime, onEvent: hooks.onEvent },
  );
  return { predictor, name: files.name, folder: files.folder };
}
