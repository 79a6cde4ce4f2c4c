import type { Dataset } from '../../data/index.ts';
import {
  inputFormatOf,
  knownLabels,
  noticeQuantized,
  noticeRecommended,
  openDataset,
  type TrainSettingsInput,
  withOutput,
  withRecommended,
} from '../../session/index.ts';
import { readModelFile } from '../models/files.ts';
import type { JobHooks } from './events.ts';
import { fetchModel } from './fetch-model.ts';
import { readFrom } from './platform.ts';

/** The model of a job, how its input is made, and the settings: those given, and what the model recommends besides. */
export async function openModel(
  { model: spec, settings: given = {} }: { readonly model: string; readonly settings?: TrainSettingsInput },
  hooks: JobHooks,
) {
  const resolved = await fetchModel(spec, hooks);
  const { settings, recommended } = withRecommended(given, resolved.config);
  noticeRecommended(recommended, hooks);
  const model = withOutput(await readModelFile(resolved.path), settings.output);
  noticeQuantized(model, hooks);
  return { resolved, model, settings, preprocessing: inputFormatOf(model, resolved, settings, hooks) };
}

/** The data of a training with a model as `openModel` opened it. */
export const openDataOf = (
  { resolved, model, settings, preprocessing }: Awaited<ReturnType<typeof openModel>>,
  path: string,
  hooks: JobHooks,
): Promise<Dataset> =>
  openDataset(preprocessing, settings, () => knownLabels(model, resolved, settings.labels), readFrom(path, hooks));
