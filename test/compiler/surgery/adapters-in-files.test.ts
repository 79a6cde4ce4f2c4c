import { describe, expect, it } from 'vitest';
import { mergeAdapters } from '../../../src/compiler/surgery/index.ts';
import { bytesOf, deferredTensor, piecesOf, type Tensor } from '../../../src/onnx/index.ts';
import { weights } from '../../small-models.ts';

describe('a weight in a file', () => {
  /** The tensor as in a file, read in pieces that end within rows. */
  function inFile(held: Tensor): Tensor & { readonly reads: readonly string[] } {
    const reads: string[] = [];
    const bytes = () => bytesOf(held).slice();
    const deferred = deferredTensor('float32', held.shape, {
      length: bytes().length,
      read: () => {
        reads.push('whole');
        return bytes();
      },
      *pieces() {
        const piece = new Uint8Array(4 * 7);
        for (let at = 0; at < bytes().length; at += piece.length) {
          const part = bytes().subarray(at, at + piece.length);
          piece.set(part);
          reads.push('piece');
          yield piece.subarray(0, part.length);
        }
      },
    });
    return Object.assign(deferred, { reads });
  }

  it.each([
    ['[outputs, inputs]', [10, 6], [3, 6], [10, 3]],
    ['[inputs, outputs]', [6, 10], [6, 3], [3, 10]],
    ['a grouped convolution', [10, 3, 2, 2], [6, 3, 2, 2], [10, 3, 1, 1]],
  ])('is merged when it is read, to the same bits: %s', (_, shape, a, b) => {
    const held = weights(shape, 1);
    const state = new Map([
      ['w.lora_A', weights(a, 2)],
      ['w.lora_B', weights(b, 3)],
    ]);
    const merged = (weight: Tensor) => mergeAdapters(state, () => weight, { rank: 3, alpha: 2 }).get('w')!;
    const expected = bytesOf(merged(held));
    expect(expected).not.toEqual(bytesOf(held));
    const filed = inFile(held);
    const sum = merged(filed);
    expect(filed.reads).toEqual([]);
    const pieces = Array.from(piecesOf(sum), (piece) => piece.slice());
    expect(pieces.length).toBeGreaterThan(1);
    expect(new Uint8Array(pieces.flatMap((piece) => [...piece]))).toEqual(expected);
    expect(bytesOf(sum)).toEqual(expected);
    expect(filed.reads).not.toContain('whole');
  });
});
