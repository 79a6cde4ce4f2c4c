import { float } from '../../../src/onnx/index.ts';
import { between, bools, f32, type Input, ints, omitted } from '../inputs.ts';
import type { Row } from '../row.ts';

/** Queries, keys and values of 2 heads and 3 features. */
const flat = [f32('batch', 3, 6), f32('batch', 4, 6), f32('batch', 4, 6)];
const apart = [f32('batch', 2, 3, 3), f32('batch', 2, 4, 3), f32('batch', 2, 4, 3)];
const heads = { q_num_heads: 2, kv_num_heads: 2 };

/** Width 4 in, heads of 3 features out. */
const packed = [f32('batch', 3, 4), between(-1, 1, 4, 18), f32(18)];
const mask: Input = {
  ...ints([]),
  type: 'int32',
  shape: ['batch', 3],
  values: (_, count) => Array.from({ length: count }, (_, i) => Number(i % 4 !== 1)),
  constant: false,
};
/** Samples of which 2, 3, 1, … positions count. */
const counts: Input = {
  ...mask,
  shape: ['batch'],
  values: (_, count) => Array.from({ length: count }, (_, i) => [2, 3, 1][i % 3]),
};
const maskOfPairs: Input = { ...mask, shape: ['batch', 3, 3] };

export const attention: readonly Row[] = [
  ['Attention', {}, apart],
  ['Attention', heads, flat],
  ['Attention', { ...heads, scale: float(0.3) }, [...flat, f32(3, 4)]],
  ['Attention', {}, [...apart, f32('batch', 1, 3, 4)]],
  ['Attention', {}, [...apart, bools([1, 0, 1, 1, 0, 1, 1, 1, 1, 1, 1, 0], 3, 4)]],
  ['Attention', { ...heads, is_causal: 1 }, [f32('batch', 3, 6), f32('batch', 3, 6), f32('batch', 3, 6)]],
  ['com.microsoft.Attention', { num_heads: 2 }, packed],
  ['com.microsoft.Attention', { num_heads: 2 }, [...packed, mask]],
  ['com.microsoft.Attention', { num_heads: 2 }, [...packed, counts]],
  ['com.microsoft.Attention', { num_heads: 2, mask_filter_value: float(-3) }, [...packed, maskOfPairs]],
  ['com.microsoft.Attention', { num_heads: 2, unidirectional: 1, scale: float(0.4) }, packed],
  ['com.microsoft.Attention', { num_heads: 2 }, [...packed, omitted, omitted, f32(1, 2, 3, 3)]],
  ['com.microsoft.MultiHeadAttention', { num_heads: 2 }, flat],
  ['com.microsoft.MultiHeadAttention', { num_heads: 2, scale: float(0.4) }, [...flat, f32(18)]],
  ['com.microsoft.MultiHeadAttention', { num_heads: 2 }, [...flat, omitted, omitted, f32(1, 2, 3, 4)]],
];
