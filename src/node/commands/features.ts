import { cpus } from 'node:os';
import { join } from 'node:path';
import type { Runtime } from '../../runtime/index.ts';
import { availableMemory } from '../../runtime/node/memory.ts';
import type { TrainSettings } from '../../session/index.ts';
import { FeatureCache } from '../../training/index.ts';
import { cacheFolder } from '../models/index.ts';
import { FeatureFolder } from '../run/index.ts';
import { environmentOf } from './environment.ts';
import type { JobHooks } from './events.ts';

const MEBIBYTE = 2 ** 20;

/** Bytes of memory in which features are remembered. */
export function cacheBytes({ cache, cacheMemory }: Pick<TrainSettings, 'cache' | 'cacheMemory'>): number {
  if (cache === 'off') return 0;
  return cacheMemory === undefined ? Math.min(2 ** 30, availableMemory() / 4) : cacheMemory * MEBIBYTE;
}

/** Where a training keeps what the frozen part of its network makes of images, as its settings say. */
export async function openFeatures(
  { settings, runtime }: { readonly settings: TrainSettings; readonly runtime: Runtime },
  { onEvent }: JobHooks,
): Promise<FeatureCache> {
  const { cache, cacheDisk } = settings;
  const maximumBytes = cacheBytes(settings);
  if (cache !== 'disk') return new FeatureCache({ maximumBytes });
  const onProblem = (message: string) => onEvent?.({ type: 'notice', message });
  const store = new FeatureFolder(join(cacheFolder(), 'features'), cacheDisk * MEBIBYTE, onProblem);
  return new FeatureCache({ maximumBytes, store, environment: await environmentKey(runtime) });
}

/** All that the same model and the same pixels may still come out differently by, in the last bits. */
async function environmentKey(runtime: Runtime): Promise<string> {
  const { onnxruntime, platform, cpu, device } = await environmentOf(runtime);
  return JSON.stringify([onnxruntime, platform, cpu, device, cpus().length]);
}
