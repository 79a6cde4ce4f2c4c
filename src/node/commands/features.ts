import { cpus } from 'node:os';
import { join } from 'node:path';
import type { Runtime } from '../../runtime/index.ts';
import { availableMemory } from '../../runtime/node/memory.ts';
import { featureBytes, type TrainSettings } from '../../session/index.ts';
import { FeatureCache } from '../../training/index.ts';
import { cacheFolder } from '../models/index.ts';
import { FeatureFolder } from '../run/index.ts';
import { environmentOf } from './environment.ts';
import type { JobHooks } from './events.ts';

const MEBIBYTE = 2 ** 20;

/** Memory limit of the feature cache in bytes, unless the settings say. */
export const defaultFeatureBytes = (): number => Math.min(2 ** 30, availableMemory() / 4);

/** Opens the cache for the features of frozen layers, as the settings say. */
export async function openFeatures(
  { settings, runtime }: { readonly settings: TrainSettings; readonly runtime: Runtime },
  { onEvent }: JobHooks,
): Promise<FeatureCache> {
  const { cache, cacheDisk } = settings;
  const maximumBytes = featureBytes(settings, defaultFeatureBytes);
  if (cache !== 'disk') return new FeatureCache({ maximumBytes });
  const onProblem = (message: string) => onEvent?.({ type: 'notice', message });
  const store = new FeatureFolder(join(cacheFolder(), 'features'), cacheDisk * MEBIBYTE, onProblem);
  return new FeatureCache({ maximumBytes, store, environment: await environmentKey(runtime) });
}

/** Everything else that can change the last bits of a feature for the same model and pixels. */
async function environmentKey(runtime: Runtime): Promise<string> {
  const { onnxruntime, platform, cpu, device } = await environmentOf(runtime);
  return JSON.stringify([onnxruntime, platform, cpu, device, cpus().length]);
}
