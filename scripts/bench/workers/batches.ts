/** The batches that scripts/bench/python/export.py wrote. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Batch } from '../../../src/data/index.ts';
import { type BatchesOf, splitBatches } from './split.ts';

export async function readBatches(of: BatchesOf & { readonly data: string }): Promise<Batch[]> {
  const whole = async (name: string) => new Uint8Array(await readFile(join(of.data, name))).buffer;
  return splitBatches(await whole('images.f32'), await whole('labels.i64'), of);
}
