import { type Dimension, float } from '../../../../src/onnx/index.ts';
import { between, bools, exactly, f32, frozen, type Input, ints, omitted } from '../inputs.ts';
import type { Row } from '../row.ts';

/** Queries, keys and values of 2 heads and 3 features. */
const flat = [f32('batch', 3, 6), f32('batch', 4, 6), f32('batch', 4, 6)];
const apart = [f32('batch', 2, 3, 3), f32('batch', 2, 4, 3), f32('batch', 2, 4, 3)];
const heads = { q_num_heads: 2, kv_num_heads: 2 };

/** Input width 4; heads have 3 features. */
const packed = [f32('batch', 3, 4), between(-1, 1, 4, 18), f32(18)];
const mask: Input = {
  ...ints([]),
  type: 'int32',
  shape: ['batch', 3],
  values: (_, count) => Array.from({ length: count }, (_, i) => Number(i % 4 !== 1)),
  constant: false,
};
/** The number of valid positions per sample: 2, 3, 1, … */
const counts: Input = {
  ...mask,
  shape: ['batch'],
  values: (_, count) => Array.from({ length: count }, (_, i) => [2, 3, 1][i % 3]),
};
const maskOfPairs: Input = { ...mask, shape: ['batch', 3, 3] };

/** 4 query heads and 2 key heads. */
const grouped = { q_num_heads: 4, kv_num_heads: 2 };
const groupedFlat = [f32('batch', 3, 12), f32('batch', 5, 6), f32('batch', 5, 6)];
const groupedApart = [f32('batch', 4, 3, 3), f32('batch', 2, 5, 3), f32('batch', 2, 5, 3)];
/** The number of valid keys per sample, of 4: 2, 3, 1, … */
const keyCounts: Input = { ...counts, type: 'int64' };

const past = [f32('batch', 2, 2, 3), f32('batch', 2, 2, 3)];
/** Two of the four outputs: the result and the scores. */
const scores = { outputs: [true, false, false, true] };

/** Caches of cosines and sines for 2 pairs of features. The numbers are arbitrary. */
const angles = (...rows: Dimension[]) => [between(-1, 1, ...rows, 2), between(-0.9, 1.1, ...rows, 2)];
const positions: Input = {
  ...keyCounts,
  shape: ['batch', 3],
  values: (_, count) => Array.from({ length: count }, (_, i) => (i * 3 + 1) % 5),
};

/** 4 query heads and 2 key heads, 16 features each, 4 positions, no past. */
const groupQuery = { num_heads: 4, kv_num_heads: 2 };
const groupedSelf = [f32('batch', 4, 64), f32('batch', 4, 32), f32('batch', 4, 32)];
const groupAngles = [between(-1, 1, 6, 8), between(-0.9, 1.1, 6, 8)];
const prompt: (Input | undefined)[] = [
  omitted,
  omitted,
  { ...counts, values: (_, count) => Array(count).fill(3) },
  { ...ints([4], []), type: 'int32' },
];
const rotated = { ...groupQuery, do_rotary: 1 };
const rows: readonly Row[] = [
  ['Attention', {}, apart],
  ['Attention', heads, flat],
  ['Attention', { ...heads, scale: float(0.3) }, [...flat, f32(3, 4)]],
  ['Attention', {}, [...apart, f32('batch', 1, 3, 4)]],
  ['Attention', {}, [...apart, bools([1, 0, 1, 1, 0, 1, 1, 1, 1, 1, 1, 0], 3, 4)]],
  ['Attention', { ...heads, is_causal: 1 }, [f32('batch', 3, 6), f32('batch', 3, 6), f32('batch', 3, 6)]],
  ['Attention', {}, apart, { outputs: 3 }],
  ['Attention', grouped, groupedFlat],
  ['Attention', {}, groupedApart],
  ['Attention', { scale: float(0.8), softcap: float(0.7) }, groupedApart],
  ['Attention', { ...grouped, is_causal: 1 }, groupedFlat],
  ['Attention', grouped, [...groupedFlat, f32('batch', 4, 3, 5)]],
  ['Attention', grouped, [...groupedFlat, f32('batch', 1, 3, 5)]],
  ['Attention', { softcap: float(2) }, [...apart, f32(3, 4)]],
  ['Attention', { softcap: float(2) }, [...apart, bools([1, 0, 1, 1, 0, 1, 1, 1, 1, 1, 1, 0], 3, 4)]],
  ['Attention', {}, [...apart, omitted, omitted, omitted, keyCounts]],
  ['Attention', { is_causal: 1 }, [...apart, omitted, omitted, omitted, keyCounts]],
  ['Attention', { is_causal: 1 }, [...groupedApart, omitted, omitted, omitted, keyCounts]],
  // These masks hide every key from the first query.
  ['Attention', {}, [...apart, bools([0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 0], 3, 4)]],
  ['Attention', {}, [...apart, frozen(exactly([...Array(4).fill(-Infinity), 0, 1, 0, -1, 0, 0, -Infinity, 1], 3, 4))]],
  ['Attention', {}, [...apart, omitted, ...past], { outputs: 3 }],
  ['Attention', { is_causal: 1 }, [...apart, f32('batch', 1, 3, 6), ...past], { outputs: 3 }],
  ['Attention', { ...grouped, is_causal: 1 }, [...groupedFlat, omitted, ...past], { outputs: 3 }],
  ...[0, 1, 2, 3].flatMap((qk_matmul_output_mode): Row[] => [
    ['Attention', { qk_matmul_output_mode }, [...apart, f32(3, 4)], scores],
    ['Attention', { qk_matmul_output_mode, softcap: float(0.8) }, [...groupedApart, f32('batch', 4, 3, 5)], scores],
  ]),
  ['Attention', {}, [...apart, f32('batch', 1, 3, 4), omitted, omitted, keyCounts]],

  ['RotaryEmbedding', {}, [f32('batch', 2, 3, 4), ...angles('batch', 3)]],
  ['RotaryEmbedding', { interleaved: 1 }, [f32('batch', 2, 3, 4), ...angles('batch', 3)]],
  ['RotaryEmbedding', { num_heads: 2 }, [f32('batch', 3, 8), ...angles(5), positions]],
  ['RotaryEmbedding', { num_heads: 2, rotary_embedding_dim: 4 }, [f32('batch', 3, 12), ...angles(5), positions]],
  [
    'RotaryEmbedding',
    { num_heads: 2, rotary_embedding_dim: 4, interleaved: 1 },
    [f32('batch', 3, 12), ...angles(5), positions],
  ],
  ['com.microsoft.RotaryEmbedding', {}, [f32('batch', 2, 3, 4), ints([1]), ...angles(5)]],
  ['com.microsoft.RotaryEmbedding', { interleaved: 1 }, [f32('batch', 3, 8), positions, ...angles(5)]],
  [
    'com.microsoft.RotaryEmbedding',
    { num_heads: 2, rotary_embedding_dim: 4 },
    [f32('batch', 3, 12), positions, ...angles(5)],
  ],

  ['com.microsoft.Attention', { num_heads: 2 }, packed],
  ['com.microsoft.Attention', { num_heads: 2 }, [...packed, mask]],
  ['com.microsoft.Attention', { num_heads: 2 }, [...packed, counts]],
  ['com.microsoft.Attention', { num_heads: 2, mask_filter_value: float(-3) }, [...packed, maskOfPairs]],
  ['com.microsoft.Attention', { num_heads: 2, unidirectional: 1, scale: float(0.4) }, packed],
  ['com.microsoft.Attention', { num_heads: 2 }, [...packed, omitted, omitted, f32(1, 2, 3, 3)]],
  [
    'com.microsoft.Attention',
    { num_heads: 2, qkv_hidden_sizes: [6, 6, 8] },
    [f32('batch', 3, 4), between(-1, 1, 4, 20), f32(20)],
  ],
  ['com.microsoft.MultiHeadAttention', { num_heads: 2 }, flat],
  ['com.microsoft.MultiHeadAttention', { num_heads: 2 }, flat, { outputs: 3 }],
  ['com.microsoft.MultiHeadAttention', { num_heads: 2 }, [f32('batch', 3, 6), ...apart.slice(1)]],
  ['com.microsoft.MultiHeadAttention', { num_heads: 2 }, [...flat, f32(18), { ...mask, shape: ['batch', 4] }]],
  ['com.microsoft.MultiHeadAttention', { num_heads: 2, mask_filter_value: float(-3) }, [...flat, omitted, counts]],
  [
    'com.microsoft.MultiHeadAttention',
    { num_heads: 2, mask_filter_value: float(-3) },
    [...flat, omitted, { ...mask, shape: ['batch', 3, 4] }],
  ],
  [
    'com.microsoft.MultiHeadAttention',
    { num_heads: 2, unidirectional: 1 },
    [f32('batch', 3, 6), f32('batch', 3, 6), f32('batch', 3, 6)],
  ],
  ['com.microsoft.MultiHeadAttention', { num_heads: 2, scale: float(0.4) }, [...flat, f32(18)]],
  ['com.microsoft.MultiHeadAttention', { num_heads: 2 }, [...flat, omitted, omitted, f32(1, 2, 3, 4)]],

  ['com.microsoft.GroupQueryAttention', groupQuery, [...groupedSelf, ...prompt], { outputs: 3 }],
  [
    'com.microsoft.GroupQueryAttention',
    { ...groupQuery, scale: float(0.9), softcap: float(0.8) },
    [...groupedSelf, ...prompt],
    { outputs: 3 },
  ],
  [
    'com.microsoft.GroupQueryAttention',
    { ...groupQuery, local_window_size: 2 },
    [...groupedSelf, ...prompt],
    { outputs: 3 },
  ],
  ['com.microsoft.GroupQueryAttention', rotated, [...groupedSelf, ...prompt, ...groupAngles], { outputs: 3 }],
  [
    'com.microsoft.GroupQueryAttention',
    { ...rotated, rotary_interleaved: 1 },
    [...groupedSelf, ...prompt, ...groupAngles],
    { outputs: 3 },
  ],
  [
    'com.microsoft.GroupQueryAttention',
    rotated,
    [f32('batch', 4, 128), omitted, omitted, ...prompt, ...groupAngles],
    { outputs: 3 },
  ],
  [
    'com.microsoft.GroupQueryAttention',
    groupQuery,
    [...groupedSelf, ...prompt, omitted, omitted, omitted, f32('batch', 1, 4, 4)],
    { outputs: 3 },
  ],
];

/**
 * ONNX Runtime's kernels compute with floats. For doubles, it would run the specification's function instead of
 * `Attention`.
 */
export const attention: readonly Row[] = rows.map(([op, attributes, inputs, options]) => [
  op,
  attributes,
  inputs,
  { ...options, precision: 'single' },
]);
