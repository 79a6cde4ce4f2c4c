import type { GraphBuilder, Value } from '../../../onnx/index.ts';
import type { RuleContext, Rules } from '../rule.ts';
import { lengthOf, positionsOf } from './positions.ts';

/** Queries [batch, heads, positions, features]; keys and values have as many heads or a divisor of that number. */
export interface Heads {
  readonly q: Value;
  readonly k: Value;
  readonly v: Value;
}

export interface Scoring {
  readonly scale?: number;
  /** Scores s become c·tanh(s/c). */
  readonly softcap?: number;
  /** Added to the scores: [batch, heads, queries, keys], or a shape that broadcasts to it. */
  readonly biases?: readonly Value[];
  /** Whether all keys of a query may be masked: its result is then zero. */
  readonly maySeeNothing?: boolean;
}

/** The lowest float32, which masks a key. */
export const MASKED = -3.4028234663852886e38;

interface Attended {
  /** [batch, heads, queries, features] */
  readonly y: Value;
  /** The scores q·kᵀ·scale, then after the softcap, then with the biases, then as probabilities, each [batch, heads, queries, keys]. */
  readonly scores: readonly [
    product: () => Value,
    capped: () => Value,
    biased: () => Value,
    probabilities: () => Value,
  ];
}

/** y = softmax(q·kᵀ·scale + biases)·v; each head of keys serves a group of query heads. */
export function attend(b: GraphBuilder, { q, k, v }: Heads, scoring: Scoring): Attended {
  const { scale, softcap = 0, biases = [], maySeeNothing = false } = scoring;
  const [batch, heads, , features] = q.shape;
  const groups = k.shape[1] as number;
  const isGrouped = heads !== groups;
  const apart = [groups, (heads as number) / groups];
  const grouped = (x: Value, like?: Value) => {
    const lead = x.shape.slice(0, -3);
    return b.reshape(x, [...lead, ...apart, ...x.shape.slice(-2)], lead[0] === batch ? like : undefined);
  };
  const shared = (x: Value) => (isGrouped ? b.unsqueeze(x, [-3]) : x);
  const ungrouped = (x: Value) => (isGrouped ? b.reshape(x, [batch, heads, ...x.shape.slice(3)]) : x);
  const alpha = scale ?? 1 / Math.sqrt(features as number);
  const product = b.fusedMatMul(isGrouped ? grouped(q) : q, shared(k), { transB: true, alpha });
  const capped = softcap ? b.mul(b.tanh(b.mul(product, 1 / softcap)), softcap) : product;
  const aligned = (bias: Value) => {
    if (!isGrouped || bias.shape.length < 3) return bias;
    return bias.shape.at(-3) === 1 ? shared(bias) : grouped(bias, product);
  };
  const sum = biases.length ? b.sum(biases.map(aligned)) : undefined;
  const bias = sum && maySeeNothing ? b.max(sum, MASKED) : sum;
  const biased = bias ? b.add(capped, bias) : capped;
  const probabilities = b.softmax(biased);
  const seen = (x: Value) => {
    if (!bias || !maySeeNothing) return x;
    return b.mul(x, b.cast(b.greater(b.reduce('ReduceMax', bias, [-1], { keepdims: true }), MASKED), x.type));
  };
  return {
    y: ungrouped(seen(b.matmul(probabilities, shared(v)))),
    scores: [
      () => ungrouped(product),
      () => ungrouped(capped),
      () => ungrouped(biased),
      () => ungrouped(seen(probabilities)),
    ],
  };
}

/** Splits [batch, positions, heads · features] into [batch, heads, positions, features]. A 4-dimensional x is already split. */
export function split({ b, refuse }: RuleContext, x: Value, heads: number): Value {
  if (x.shape.length === 4) return x;
  const [batch, positions, width] = x.shape;
  if (typeof width !== 'number') return refuse('its features have no fixed size');
  const shape = [batch, positions, heads, width / heads];
  // 0 copies a dimension, whatever its size.
  const apart = b.emit('Reshape', [x, b.ints([0, 0, heads, width / heads])], [{ type: x.type, shape }])[0];
  return b.transpose(apart, [0, 2, 1, 3]);
}

/** The reverse: back to the shape of `like`. */
export const join = (b: GraphBuilder, x: Value, like: Value): Value =>
  like.shape.length === 4 ? x : b.reshape(b.transpose(x, [0, 2, 1, 3]), like.shape, like);

/** Which keys a query sees. */
interface Sight {
  /** The number of keys, up to the query's own position; all by default. */
  readonly window?: number;
  /** Keys before the first query: a number, or int64 [batch, 1, 1, 1]. */
  readonly offset?: Value | number;
}

/**
 * `MASKED` for all keys but the last `window` up to the query's own position; else zero. [queries, keys], with a batch if the offset has
 * one
 */
export function causal(b: GraphBuilder, { q, k }: Pick<Heads, 'q' | 'k'>, { window, offset = 0 }: Sight = {}): Value {
  const place = b.unsqueeze(positionsOf(b, q, 2), [1]);
  const query = offset === 0 ? place : b.add(place, offset);
  const key = b.unsqueeze(positionsOf(b, k, 2), [0]);
  const later = b.greater(key, query);
  const masked = window === undefined ? later : b.or(later, b.lessOrEqual(key, b.sub(query, window)));
  return b.where(masked, b.scalar(MASKED), 0);
}

/** `MASKED` after the first `lengths` keys of each sample, int64 [batch, 1, 1, 1]; else zero. [batch, 1, 1, keys] */
export const beyond = (b: GraphBuilder, lengths: Value, k: Value): Value =>
  b.where(b.less(positionsOf(b, k, 2), lengths), b.scalar(0), MASKED);

/** One number per sample, int64 [batch, 1, 1, 1]. */
export const bySample = (b: GraphBuilder, lengths: Value): Value => b.cast(b.unsqueeze(lengths, [1, 2, 3]), 'int64');

export const attention: Rules = {
  Attention: (context) => {
    const { b, inputs, outputs, attributes, refuse, composed } = context;
    const lengths = inputs[6] && bySample(b, inputs[6]);
    const { q_num_heads, kv_num_heads = q_num_heads, is_causal = 0, softcap = 0, scale } = attributes;
    const { qk_matmul_output_mode: mode = 0 } = attributes;
    return composed(([query, key, value, mask, pastKey, pastValue]) => {
      const q = split(context, query, q_num_heads);
      const present = (x: Value, past: Value | undefined, i: number) => {
        const own = split(context, x, kv_num_heads);
        if (!past) return own;
        const like = outputs[i] ?? refuse('its present keys and values have no names');
        return b.emit('Concat', [past, own], [like], { axis: 2 })[0];
      };
      const [k, v] = [present(key, pastKey, 1), present(value, pastValue, 2)];
      const last = () => lengths && b.sub(lengths, lengthOf(b, q, 2));
      const offset = pastKey ? lengthOf(b, pastKey, 2) : last();
      const biases = [
        ...(mask ? [mask.type === 'bool' ? b.where(mask, b.scalar(0), MASKED) : mask] : []),
        ...(is_causal ? [causal(b, { q, k }, { offset })] : []),
        ...(lengths ? [beyond(b, lengths, k)] : []),
      ];
      const maySeeNothing = Boolean(mask || lengths);
      const { y, scores } = attend(b, { q, k, v }, { scale, softcap, biases, maySeeNothing });
      return [join(b, y, outputs[0]), k, v, outputs[3] && scores[mode as 0]()];
    });
  },
};
