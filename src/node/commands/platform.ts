import { ThawError } from '../../errors.ts';
import type { Runtime } from '../../runtime/index.ts';
import { memoryLimit } from '../../runtime/node/memory.ts';
import type { ReadDataset, SessionPlatform } from '../../session/index.ts';
import type { JobHooks } from './events.ts';
import { defaultFeatureBytes, openFeatures } from './features.ts';
import { fileReading, openLabelled } from './inputs.ts';
import { openUnlabelled } from './unlabelled.ts';

/** Reads a data set from a folder or a table; the trials of a sweep read it once. */
export const readFrom =
  (path: string, { signal, shared }: Pick<JobHooks, 'signal' | 'shared'> = {}): ReadDataset =>
  async (format, reading, settings) => {
    const { seed, valFraction, strict, verify, unknown, task } = settings;
    const key = JSON.stringify([path, format, reading, seed, valFraction, strict, verify, unknown, task]);
    const known = shared?.datasets.get(key) ?? readDataset(path, signal)(format, reading, settings);
    shared?.datasets.set(key, known);
    // A trial that was stopped must not stop the next one.
    return known.catch((error) => {
      shared?.datasets.delete(key);
      throw error;
    });
  };

const readDataset =
  (path: string, signal: AbortSignal | undefined): ReadDataset =>
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
