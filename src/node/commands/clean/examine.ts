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

/**
 * The features of samples, in order; undefined for unreadable ones. They are cached on disk, so that the next time is fast.
 *
 * @param model identifies model, preprocessing and device
 */
export async function featuresOf(
  extractor: FeatureExtractor,
  samples: readonly Sample[],
  digests: readonly (string | undefined)[],
  model: string,
  hooks: JobHooks,
): Promise<(Float32Array | undefined)[]> {
  const { onEvent, signal } = hooks;
  const store = new FeatureFolder(join(cacheFolder(), 'features'), CACHE_BYTES, (message) =>
    onEvent?.({ type: 'notice', message }),
  );
  const keyOf = (i: number) => digests[i] && `clean ${model} ${digests[i]}`;
  const rows = await mapConcurrently([...samples.keys()], SLOTS, async (i) => {
    const bytes = keyOf(i) === undefined ? undefined : await store.get(keyOf(i)!);
    if (bytes?.byteLength !== 4 * extractor.size) return undefined;
    return tensorFromBytes('float32', [extractor.size], bytes).data as Float32Array;
  });
  const missing = [...rows.keys()].filter((i) => !rows[i]);
  const source = plainSource(
    missing.map((i) => samples[i]),
    extractor.parts.format,
    hooks,
  );
  let done = 0;
  for await (const { indices, features } of extractor.batches(source)) {
    signal?.throwIfAborted();
    for (const [at, index] of indices.entries()) {
      const i = missing[index];
      const row = features.slice(at * extractor.size, (at + 1) * extractor.size);
      rows[i] = row;
      if (keyOf(i) !== undefined)
        await store.set(keyOf(i)!, bytesOf({ type: 'float32', shape: [extractor.size], data: row }));
    }
    done += indices.length;
    onEvent?.({ type: 'evaluated', done, of: missing.length });
  }
  return rows;
}
