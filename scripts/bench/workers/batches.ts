/** The batches that scripts/bench/python/export.py wrote. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Batch } from '../../../src/data/index.ts';
import { tensor } from '../../../src/onnx/index.ts';

export interface BatchesOf {
  readonly data: string;
  readonly batch: number;
  readonly size: number;
}

export async function readBatches({ data, batch, size }: BatchesOf): Promise<Batch[]> {
  const whole = async (name: string) => new Uint8Array(await readFile(join(data, name))).buffer;
  const images = new Float32Array(await whole('images.f32'));
  const labels = new BigInt64Array(await whole('labels.i64'));
  const length = batch * 3 * size * size;
  return Array.from({ length: labels.length / batch }, (_, i) => ({
    inputs: [tensor('float32', [batch, 3, size, size], images.subarray(i * length, (i + 1) * length))],
    labels: labels.subarray(i * batch, (i + 1) * batch),
    indices: Array.from({ length: batch }, (_, k) => i * batch + k),
  }));
}
