import type { GraphBuilder, Value } from '../../onnx/index.ts';
import type { RuleContext, Rules } from '../rule.ts';

interface Heads {
  /** Queries, keys and values as [batch, heads, positions, features]. */
  readonly q: Value;
  readonly k: Value;
  readonly v: Value;
  /** Added to the scores; what is masked has a large negative number. */
  readonly bias?: Value;
  readonly scale: number;
  readonly dy: Value;
}

// y = p·v, p = softmax s, s = q·kᵀ·scale + bias
// ∂v = pᵀ·∂y, ∂s = p ⊙ (∂p − Σ ∂p⊙p) with ∂p = ∂y·vᵀ, ∂q = scale·∂s·k, ∂k = scale·∂sᵀ·q, ∂bias = ∂s
function attentionGradients(b: GraphBuilder, { q, k, v, bias, scale, dy }: Heads) {
  const product = () => b.fusedMatMul(q, k, { transB: true, alpha: scale });
  const p = () => b.softmax(bias ? b.add(product(), bias) : product());
  const ds = () => {
    const dp = b.fusedMatMul(dy, v, { transB: true });
    return b.mul(p(), b.sub(dp, b.reduceSum(b.mul(dp, p()), [-1], { keepdims: true })));
  };
  return {
    q: () => b.fusedMatMul(ds(), k, { alpha: scale }),
    k: () => b.fusedMatMul(ds(), q, { transA: true, alpha: scale }),
    v: () => b.fusedMatMul(p(), dy, { transA: true }),
    bias: ds,
  };
}

/** [batch, positions, heads · features] as [batch, heads, positions, features], which 4-dimensional ones are already. */
function split({ b, refuse }: RuleContext, x: Value, heads: number): Value {
  if (x.shape.length === 4) return x;
  const [batch, positions, width] = x.shape;
  if (typeof width !== 'number') return refuse('its features have no fixed size');
  const shape = [batch, positions, heads, width / heads];
  // 0 copies a dimension, whatever its size.
  const apart = b.emit('Reshape', [x, b.ints([0, 0, heads, width / heads])], [{ type: x.type, shape }])[0];
  return b.transpose(apart, [0, 2, 1, 3]);
}

/** The way back to the shape of `like`. */
const join = (b: GraphBuilder, x: Value, like: Value): Value =>
  like.shape.length === 4 ? x : b.reshape(b.transpose(x, [0, 2, 1, 3]), like.shape, like);

/** A large negative number after the present position, zero up to it. */
function causal(b: GraphBuilder, scores: { q: Value; k: Value }): Value {
  const ones = b.full(1, b.fusedMatMul(scores.q, scores.k, { transB: true }));
  const later = b.emit('Trilu', [ones, b.scalar(1, 'int64')], [ones], { upper: 1 })[0];
  return b.mul(later, -1e30);
}

export const attention: Rules = {
  Attention: (context) => {
    const { b, inputs, dy, reached, attributes, refuse } = context;
    const [query, key, value, mask, ...past] = inputs;
    const { q_num_heads, kv_num_heads = q_num_heads, is_causal = 0, softcap = 0 } = attributes;
    if (past.some((x) => x !== undefined)) refuse('it continues from past keys and values');
    if (reached.slice(1).some((isReached) => isReached)) refuse('more of it than its first output is used');
    if (softcap) refuse('softcap');
    const q = split(context, query, q_num_heads);
    const [k, v] = [split(context, key, kv_num_heads), split(context, value, kv_num_heads)];
    if (q.shape[1] !== k.shape[1]) refuse('queries have more heads than keys');
    const biases = [
      ...(mask ? [mask.type === 'bool' ? b.where(mask, 0, b.scalar(-1e30)) : mask] : []),
      ...(is_causal ? [causal(b, { q, k })] : []),
    ];
    const gradients = attentionGradients(b, {
      q,
      k,
      v,
      bias: biases.length ? b.sum(biases) : undefined,
      scale: attributes.scale ?? 1 / Math.sqrt(q.shape[3] as number),
      dy: split(context, dy[0], q_num_heads),
    });
    return [
      () => join(b, gradients.q(), query),
      () => join(b, gradients.k(), key),
      () => join(b, gradients.v(), value),
      mask && mask.type !== 'bool' ? gradients.bias : undefined,
    ];
  },
};

/**
 * What a mask adds to the scores: nothing where it is 1, the filter value where it is 0. It is [batch, positions], or
 * [batch, queries, keys], or [batch], the number of positions that count.
 */
function filtered(b: GraphBuilder, mask: Value, x: Value, filter: number): Value {
  const masked = (kept: Value) => b.mul(b.sub(1, b.cast(kept, 'float32')), filter);
  if (mask.shape.length > 1) return b.unsqueeze(masked(mask), mask.shape.length === 2 ? [1, 2] : [1]);
  const length = b.emit('Squeeze', [b.gather(b.shapeOf(x), b.ints([1]))], [{ type: 'int64', shape: [] }])[0];
  const range = [b.scalar(0, 'int64'), length, b.scalar(1, 'int64')];
  const [positions] = b.emit('Range', range, [{ type: 'int64', shape: [x.shape[1]] }]);
  return b.unsqueeze(masked(b.less(positions, b.cast(b.unsqueeze(mask, [1]), 'int64'))), [1, 2]);
}

/** Of the domain `com.microsoft`. */
export const fusedAttention: Rules = {
  // x·[Wq Wk Wv] + c, cut into queries, keys and values, then y = softmax(q·kᵀ·scale + masks)·v
  Attention: (context) => {
    const { b, inputs, outputs, reached, attributes, refuse, composed } = context;
    const { num_heads: heads, unidirectional = 0, do_rotary = 0, qkv_hidden_sizes } = attributes;
    const [, weights, , mask, past] = inputs;
    if (past || reached.slice(1).some((isReached) => isReached)) refuse('past keys and values');
    const isCounted = mask?.shape.length === 1 && mask.shape[0] === inputs[0].shape[0];
    if (mask && !isCounted && mask.shape.length !== 2 && mask.shape.length !== 3)
      refuse('a mask with starts, or of four axes');
    if (do_rotary || qkv_hidden_sizes) refuse('rotary embeddings and queries of another size than values');
    return composed(([x, w, bias, , , scores]) => {
      const width = (weights.shape[1] as number) / 3;
      const product = b.matmul(x, w);
      const all = bias ? b.add(product, bias) : product;
      const [q, k, v] = [0, 1, 2].map((i) => split(context, b.slice(all, 2, i * width, (i + 1) * width), heads));
      const alpha = attributes.scale || 1 / Math.sqrt(width / heads);
      const terms = [
        b.fusedMatMul(q, k, { transB: true, alpha }),
        ...(mask ? [filtered(b, mask, x, attributes.mask_filter_value ?? -10000)] : []),
        ...(unidirectional ? [causal(b, { q, k })] : []),
        ...(scores ? [scores] : []),
      ];
      const y = b.matmul(b.softmax(b.sum(terms)), v);
      return [b.reshape(b.transpose(y, [0, 2, 1, 3]), outputs[0].shape, outputs[0])];
    });
  },

  // Queries, keys and values with a bias for all three
  MultiHeadAttention: (context) => {
    const { b, inputs, dy, reached, attributes, refuse } = context;
    const [query, key, value, bias, padding, scores, ...past] = inputs;
    const { num_heads: heads, unidirectional = 0 } = attributes;
    if (key === undefined || value === undefined || value.shape.length !== 3 || key.shape.length !== 3)
      refuse('queries, keys and values packed together');
    if (padding || past.some((x) => x !== undefined)) refuse('padding masks, past keys and values');
    if (reached.slice(1).some((isReached) => isReached)) refuse('more of it than its first output is used');
    const width = query.shape[2] as number;
    const parts = bias
      ? [query, key, value].map((_, i) =>
          b.slice(bias, 0, i * width, i === 2 ? (bias.shape[0] as number) : (i + 1) * width),
        )
      : [];
    const [q, k, v] = [query, key, value].map((x, i) => split(context, bias ? b.add(x, parts[i]) : x, heads));
    const biases = [...(scores ? [scores] : []), ...(unidirectional ? [causal(b, { q, k })] : [])];
    const gradients = attentionGradients(b, {
      q,
      k,
      v,
      bias: biases.length ? b.sum(biases) : undefined,
      scale: attributes.scale || 1 / Math.sqrt(width / heads),
      dy: split(context, dy[0], heads),
    });
    const [ofQ, ofK, ofV] = [
      () => join(b, gradients.q(), query),
      () => join(b, gradients.k(), key),
      () => join(b, gradients.v(), value),
    ];
    const ofBias = () =>
      b.concat(
        [ofQ, ofK, ofV].map((gradient, i) => b.sumTo(gradient(), parts[i].shape)),
        0,
      );
    return [ofQ, ofK, ofV, bias && ofBias, undefined, scores && gradients.bias];
  },
};
