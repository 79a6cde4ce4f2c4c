import { ThawError } from '../../errors.ts';
import type { Runtime } from '../../runtime/index.ts';
import { memoryLimit } from '../../runtime/node/memory.ts';
import type { ReadDataset, SessionPlatform } from '../../session/index.ts';
import type { JobHooks } from './events.ts';
import { defaultFeatureBytes, openFeatures } from './features.ts';
import { fileReading, openLabelled } from './inputs.ts';
import { openUnlabelled } from './unlabelled.ts';

/** Reads a data set from a folder or a table. */
export const readFrom =
  (path: string, { signal }: Pick<JobHooks, 'signal'> = {}): ReadDataset =>
  async (format, reading, { seed, valFraction, strict, verify, unknown, task }) => {
    const dataset = await openLabelled(path, format, {
      ...reading,
      seed,
      valFraction,
      strict,
      verification: verify,
      signal,
    });
    if (unknown === undefined) return dataset;
    if (task !== 'classification')
      throw new ThawError('bad-config', `setting unknown: ${task} has no unknown samples`, 'Leave it out');
    const { samples, problems } = await openUnlabelled([unknown], format, { strict, signal });
    return {
      ...dataset,
      unknown: [...(dataset.unknown ?? []), ...samples],
      problems: [...dataset.problems, ...problems],
    };
  };

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
