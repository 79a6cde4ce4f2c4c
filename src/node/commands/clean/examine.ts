/** Reads what the findings need to know about each sample: content, look and features. */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type CleaningSample, fingerprintOf, MEASURED, measureImage, normalizedText } from '../../../cleaning/index.ts';
import { mapConcurrently } from '../../../data/concurrency.ts';
import type { Sample } from '../../../data/index.ts';
import { decodeInside } from '../../../data/node/index.ts';
import { bytesOf, tensorFromBytes } from '../../../onnx/index.ts';
import type { FeatureExtractor } from '../../../session/index.ts';
import { cacheFolder } from '../../models/index.ts';
import { FeatureFolder } from '../../run/index.ts';
import type { JobHooks } from '../events.ts';
import { plainSource } from '../inputs.ts';

/** The content and the look of a sample. */
export type Look = Pick<CleaningSample, 'digest' | 'fingerprint' | 'measures' | 'text'>;

const SLOTS = 16;
/** Size limit of the folder of features, which trainings share. */
const CACHE_BYTES = 4 * 2 ** 30;

const sha256 = (content: string | Uint8Array): string => createHash('sha256').update(content).digest('hex');

/** The looks of samples, in order; undefined for images that fail to decode. */
export function looksOf(samples: readonly Sample[], { onEvent, signal }: JobHooks): Promise<(Look | undefined)[]> {
  let done = 0;
  const look = async ({ file, text }: Sample): Promise<Look | undefined> => {
    if (text !== undefined) return { digest: normalizedText(text), text };
    const content = await readFile(file);
    const { pixels, ...size } = await decodeInside(content, MEASURED);
    return { digest: sha256(content), fingerprint: fingerprintOf(pixels), measures: measureImage(pixels, size) };
  };
  return mapConcurrently(
    samples,
    SLOTS,
    async (sample) => {
      // The features report an unreadable image.
      const found = await look(sample).catch(() => undefined);
      onEvent?.({ type: 'evaluated', done: ++done, of: samples.length });
      return found;
    },
    signal,
  );
}

/** The features of samples, `[N, size]` in their order. */
export interface SampleFeatures {
  readonly features: Float32Array<ArrayBuffer>;
  /** 1 for each sample that could be read. */
  readonly read: Uint8Array;
}

/**
 * The features of samples. They are cached on disk, so that the next time is fast.
 *
 * @param model identifies model, preprocessing and device
 */
export async function featuresOf(
  extractor: FeatureExtractor,
  samples: readonly Sample[],
  digests: readonly (string | undefined)[],
  model: string,
  hooks: JobHooks,
): Promise<SampleFeatures> {
  const { onEvent, signal } = hooks;
  const { size } = extractor;
  const store = new FeatureFolder(join(cacheFolder(), 'features'), CACHE_BYTES, (message) =>
    onEvent?.({ type: 'notice', message }),
  );
  const keyOf = (i: number) => digests[i] && `clean ${model} ${digests[i]}`;
  const features = new Float32Array(samples.length * size);
  const read = new Uint8Array(samples.length);
  await mapConcurrently([...samples.keys()], SLOTS, async (i) => {
    const bytes = keyOf(i) === undefined ? undefined : await store.get(keyOf(i)!);
    if (bytes?.byteLength !== 4 * size) return;
    features.set(tensorFromBytes('float32', [size], bytes).data as Float32Array, i * size);
    read[i] = 1;
  });
  const missing = [...samples.keys()].filter((i) => !read[i]);
  const source = plainSource(
    missing.map((i) => samples[i]),
    extractor.parts.format,
    hooks,
  );
  let done = 0;
  for await (const { indices, features: rows } of extractor.batches(source)) {
    signal?.throwIfAborted();
    for (const [at, index] of indices.entries()) {
      const i = missing[index];
      const row = rows.slice(at * size, (at + 1) * size);
      features.set(row, i * size);
      read[i] = 1;
      if (keyOf(i) !== undefined) await store.set(keyOf(i)!, bytesOf({ type: 'float32', shape: [size], data: row }));
    }
    done += indices.length;
    onEvent?.({ type: 'evaluated', done, of: missing.length });
  }
  return { features, read };
}

/**
 * The features of some samples, in the memory of all.
 *
 * @param chosen in ascending order
 */
export function featuresAmong({ features, read }: SampleFeatures, chosen: readonly number[]): Float32Array {
  if (chosen.length === read.length) return features;
  const size = features.length / read.length;
  for (const [to, i] of chosen.entries()) features.copyWithin(to * size, i * size, (i + 1) * size);
  return features.subarray(0, chosen.length * size);
}
