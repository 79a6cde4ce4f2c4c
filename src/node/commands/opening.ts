import { checkWeights } from '../../compiler/surgery/index.ts';
import type { Dataset } from '../../data/index.ts';
import {
  inputFormatOf,
  knownLabels,
  noticeQuantized,
  noticeRecommended,
  openDataset,
  refuseOtherKinds,
  type TrainSettingsInput,
  withOutput,
  withRecommended,
} from '../../session/index.ts';
import { readModelFile } from '../models/files.ts';
import type { JobHooks } from './events.ts';
import { fetchModel } from './fetch-model.ts';
import { readFrom } from './platform.ts';

/** Reads the model of a job, its preprocessing, and the settings merged with the model's recommendations. */
export async function openModel(
  { model: spec, settings: given = {} }: { readonly model: string; readonly settings?: TrainSettingsInput },
  hooks: JobHooks,
) {
  const resolved = await fetchModel(spec, hooks);
  const { settings, recommended } = withRecommended(given, resolved.config);
  noticeRecommended(recommended, hooks);
  const model = withOutput(await readModelFile(resolved.path), settings.output);
  checkWeights(model);
  if (settings.head === undefined) refuseOtherKinds(model, resolved.config);
  noticeQuantized(model, hooks);
  return { resolved, model, settings, preprocessing: inputFormatOf(model, resolved, settings, hooks) };
}

/** Opens training data for a model from `openModel`. */
export const openDataOf = (
  { resolved, model, settings, preprocessing }: Awaited<ReturnType<typeof openModel>>,
  path: string,
  hooks: JobHooks,
): Promise<Dataset> =>
  openDataset(preprocessing, settings, () => knownLabels(model, resolved, settings.labels), readFrom(path, hooks));
