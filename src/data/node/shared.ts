/** Exact duplicates in two splits, found before training. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open, stat } from 'node:fs/promises';
import { mapConcurrently } from '../concurrency.ts';
import type { Dataset, Sample } from '../types.ts';

/** A validation or test sample that is also a training sample: the same bytes, or the same text. */
export interface SharedSample {
  readonly split: 'val' | 'test';
  readonly sample: Sample;
  readonly train: Sample;
}

/** A sample, and the part of its contents that has been read. */
interface Candidate {
  readonly sample: Sample;
  /** Undefined for training samples. */
  readonly split?: 'val' | 'test';
  readonly key: string;
}

/** Bytes of a file that are compared first. */
const START = 2 ** 12;
const SLOTS = 32;

/**
 * Samples of `val` and `test` that are also in `train`. Reads only files whose size occurs in both, and most of those only in part. So it
 * takes less time than the check of the images.
 */
export async function sharedSamples({ train, val, test }: Dataset, signal?: AbortSignal): Promise<SharedSample[]> {
  const all: Candidate[] = [
    ...train.map((sample) => ({ sample, key: '' })),
    ...val.map((sample) => ({ sample, key: '', split: 'val' as const })),
    ...test.map((sample) => ({ sample, key: '', split: 'test' as const })),
  ];
  let candidates = all;
  for (const keyOf of [sizeOf, startOf, contentsOf]) {
    const keyed = await mapConcurrently(
      candidates,
      SLOTS,
      // An unreadable file is reported elsewhere.
      async (one) => ({ ...one, key: await keyOf(one).catch(() => undefined) }),
      signal,
    );
    candidates = inBoth(keyed.filter((one): one is Candidate => one.key !== undefined));
  }
  const trained = new Map(candidates.filter(({ split }) => !split).map(({ key, sample }) => [key, sample]));
  return candidates.flatMap(({ split, key, sample }) => (split ? [{ split, sample, train: trained.get(key)! }] : []));
}

/** Those whose key occurs among the training samples and among the others. */
function inBoth(candidates: readonly Candidate[]): Candidate[] {
  const trained = new Set(candidates.filter(({ split }) => !split).map(({ key }) => key));
  const others = new Set(candidates.filter(({ split }) => split).map(({ key }) => key));
  return candidates.filter(({ key }) => trained.has(key) && others.has(key));
}

/** The text itself, or the size of the file. */
const sizeOf = async ({ sample: { text, file } }: Candidate): Promise<string> =>
  text === undefined ? `${(await stat(file)).size} bytes` : `text ${text}`;

async function startOf({ sample: { text, file }, key }: Candidate): Promise<string> {
  if (text !== undefined) return key;
  const handle = await open(file);
  try {
    const { buffer, bytesRead } = await handle.read(new Uint8Array(START), 0, START, 0);
    return `${key} ${createHash('sha256').update(buffer.subarray(0, bytesRead)).digest('hex')}`;
  } finally {
    await handle.close();
  }
}

/** The digest of the whole file, if the start was not all of it. */
async function contentsOf({ sample: { text, file }, key }: Candidate): Promise<string> {
  if (text !== undefined || Number.parseInt(key, 10) <= START) return key;
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(file)) hash.update(chunk as Buffer);
  return `${key} ${hash.digest('hex')}`;
}
