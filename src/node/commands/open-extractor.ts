import { digestOf, loadable } from '../../runtime/index.ts';
import { FeatureExtractor, type FeatureRequest, readPredictionSettings } from '../../session/index.ts';
import { readModelFile } from '../models/files.ts';
import { openRuntime } from './environment.ts';
import type { JobHooks } from './events.ts';
import { fetchModel } from './fetch-model.ts';
import type { OpenPredictorRequest } from './open-predictor.ts';

/** Loads a pretrained or finished model without its head. Returns it with the model's name and files, and a text that identifies its features. */
export async function openExtractor(
  {
    model: spec,
    settings = {},
    runtime: givenRuntime,
    layout: given,
  }: Omit<OpenPredictorRequest, 'task'> & Pick<FeatureRequest, 'layout'>,
  hooks: JobHooks,
) {
  const { device } = readPredictionSettings(settings);
  const runtime = givenRuntime ?? (await openRuntime(device, hooks));
  const files = await fetchModel(spec, hooks);
  const model = await readModelFile(files.path);
  const extractor = await FeatureExtractor.open(
    { model, files, settings, layout: given },
    { runtime, onEvent: hooks.onEvent },
  );
  const { format, layout } = extractor.parts;
  const identity = JSON.stringify([await digestOf(loadable(model)), format, layout, runtime.device]);
  return { extractor, name: files.name, files, identity };
}
