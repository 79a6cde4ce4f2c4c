import type { GraphBuilder, Value } from '../../onnx/index.ts';
import type { RuleContext, Rules } from '../rule.ts';
import { positionsOf } from './positions.ts';

/** Queries [batch, heads, positions, features], keys and values with as many heads or a divisor of them. */
export interface Heads {
  readonly q: Value;
  readonly k: Value;
  readonly v: Value;
}

export interface Scoring {
  readonly scale?: number;
  /** Scores s become c·tanh(s/c). */
  readonly softcap?: number;
  /** Added to the scores: [batch, heads, queries, keys], or what broadcasts to that. */
  readonly biases?: readonly Value[];
}

/** A large negative number, which softmax makes zero of. */
export const MASKED = -1e30;

/** y = softmax(q·kᵀ·scale + biases)·v as [batch, heads, positions, features]; each head of keys serves a group of query heads. */
export function attend(b: GraphBuilder, { q, k, v }: Heads, { scale, softcap = 0, biases = [] }: Scoring): Value {
  const [batch, heads, positions, features] = q.shape;
  const groups = k.shape[1] as number;
  const isGrouped = heads !== groups;
  const apart = [batch, groups, (heads as number) / groups];
  const grouped = (x: Value) => b.reshape(x, [...apart, ...x.shape.slice(2)]);
  const shared = (x: Value) => (isGrouped ? b.unsqueeze(x, [2]) : x);
  const alpha = scale ?? 1 / Math.sqrt(features as number);
  const product = b.fusedMatMul(isGrouped ? grouped(q) : q, shared(k), { transB: true, alpha });
  const capped = softcap ? b.mul(b.tanh(b.mul(product, 1 / softcap)), softcap) : product;
  const aligned = (bias: Value) => {
    if (!isGrouped || bias.shape.length < 3) return bias;
    return bias.shape.at(-3) === 1 ? b.unsqueeze(bias, [-3]) : grouped(bias);
  };
  const scores = b.sum([capped, ...biases.map(aligned)]);
  const y = b.matmul(b.softmax(scores), shared(v));
  return isGrouped ? b.reshape(y, [batch, heads, positions, v.shape[3]]) : y;
}

/** [batch, positions, heads · features] as [batch, heads, positions, features], which 4-dimensional ones are already. */
export function split({ b, refuse }: RuleContext, x: Value, heads: number): Value {
  if (x.shape.length === 4) return x;
  const [batch, positions, width] = x.shape;
  if (typeof width !== 'number') return refuse('its features have no fixed size');
  const shape = [batch, positions, heads, width / heads];
  // 0 copies a dimension, whatever its size.
  const apart = b.emit('Reshape', [x, b.ints([0, 0, heads, width / heads])], [{ type: x.type, shape }])[0];
  return b.transpose(apart, [0, 2, 1, 3]);
}

/** The way back to the shape of `like`. */
export const join = (b: GraphBuilder, x: Value, like: Value): Value =>
  like.shape.length === 4 ? x : b.reshape(b.transpose(x, [0, 2, 1, 3]), like.shape, like);

/** `MASKED` for all keys but the last `window` up to the query's own position; else zero. [queries, keys] */
export function causal(b: GraphBuilder, { q, k }: Pick<Heads, 'q' | 'k'>, window = Number.POSITIVE_INFINITY): Value {
  const query = b.unsqueeze(positionsOf(b, q, 2), [1]);
  const key = b.unsqueeze(positionsOf(b, k, 2), [0]);
  const later = b.greater(key, query);
  const masked = Number.isFinite(window) ? b.or(later, b.lessOrEqual(key, b.sub(query, window))) : later;
  return b.where(masked, b.scalar(MASKED), 0);
}

/** `MASKED` after the first `lengths` keys of each sample, int [batch]; else zero. [batch, 1, 1, keys] */
export function beyond(b: GraphBuilder, lengths: Value, k: Value): Value {
  const ends = b.cast(b.unsqueeze(lengths, [1, 2, 3]), 'int64');
  return b.where(b.less(positionsOf(b, k, 2), ends), b.scalar(0), MASKED);
}

export const attention: Rules = {
  Attention: (context) => {
    const { b, inputs, outputs, reached, attributes, refuse, composed } = context;
    const [, , , , pastKey, pastValue, lengths] = inputs;
    const { q_num_heads, kv_num_heads = q_num_heads, is_causal = 0, softcap = 0, scale } = attributes;
    if (pastKey || pastValue) refuse('it continues from past keys and values');
    if (reached[3]) refuse('its scores are used as a result');
    return composed(([query, key, value, mask]) => {
      const q = split(context, query, q_num_heads);
      const [k, v] = [split(context, key, kv_num_heads), split(context, value, kv_num_heads)];
      const biases = [
        ...(mask ? [mask.type === 'bool' ? b.where(mask, b.scalar(0), MASKED) : mask] : []),
        ...(is_causal ? [causal(b, { q, k })] : []),
        ...(lengths ? [beyond(b, lengths, k)] : []),
      ];
      return [join(b, attend(b, { q, k, v }, { scale, softcap, biases }), outputs[0]), k, v];
    });
  },
};
