/** Splits files of concatenated batches, in Node and in a page. */
import type { Batch } from '../../../src/data/index.ts';
import { tensor } from '../../../src/onnx/index.ts';

export interface BatchesOf {
  readonly batch: number;
  /** Height and width. */
  readonly size: number;
}

/** @param images float32, @param labels int64: the contents of images.f32 and labels.i64 */
export function splitBatches(images: ArrayBuffer, labels: ArrayBuffer, { batch, size }: BatchesOf): Batch[] {
  const pixels = new Float32Array(images);
  const classes = new BigInt64Array(labels);
  const length = batch * 3 * size * size;
  return Array.from({ length: classes.length / batch }, (_, i) => ({
    inputs: [tensor('float32', [batch, 3, size, size], pixels.subarray(i * length, (i + 1) * length))],
    labels: classes.subarray(i * batch, (i + 1) * batch),
    indices: Array.from({ length: batch }, (_, k) => i * batch + k),
  }));
}
