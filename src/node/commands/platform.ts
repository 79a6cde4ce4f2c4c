import type { Runtime } from '../../runtime/index.ts';
import { memoryLimit } from '../../runtime/node/memory.ts';
import type { ReadDataset, SessionPlatform } from '../../session/index.ts';
import type { JobHooks } from './events.ts';
import { defaultFeatureBytes, openFeatures } from './features.ts';
import { fileReading, openLabelled } from './inputs.ts';

/** Reads a data set from a folder or a table. */
export const readFrom =
  (path: string, { signal }: Pick<JobHooks, 'signal'> = {}): ReadDataset =>
  (format, reading, { seed, valFraction, strict, verify }) =>
    openLabelled(path, format, { ...reading, seed, valFraction, strict, verification: verify, signal });

/** The session platform of Node: files, this machine's memory, disk caches. @param data a folder or a table */
export const nodePlatform = (runtime: Runtime, data: string, hooks: JobHooks): SessionPlatform => ({
  ...fileReading(hooks),
  ...hooks,
  runtime,
  dataset: readFrom(data, hooks),
  features: (settings) => openFeatures({ settings, runtime }, hooks),
  featureBytes: defaultFeatureBytes,
  memory: memoryLimit(),
});
