import { type GraphBuilder, staticSize, type Value } from '../../../onnx/index.ts';
import type { RuleContext, Rules } from '../rule.ts';
import { attend, beyond, bySample, causal, type Heads, join, split } from './attention.ts';
import { cached, rotate } from './rotary.ts';

/**
 * The bias of a mask: a 1 gives zero, a 0 gives the filter value. The mask is [batch, keys], [batch, queries, keys], or
 * [batch] with the number of valid keys.
 */
function maskBias(b: GraphBuilder, mask: Value, k: Value, filter: number): Value {
  if (mask.shape.length === 1) return b.mul(b.cast(b.less(beyond(b, bySample(b, mask), k), 0), 'float32'), filter);
  const masked = b.mul(b.sub(1, b.cast(mask, 'float32')), filter);
  return b.unsqueeze(masked, mask.shape.length === 2 ? [1, 2] : [1]);
}

/** Terms added to the scores: the bias of the mask, the causal mask, and the caller's own biases. */
function biasesOf(
  { b, attributes: { unidirectional = 0, mask_filter_value = -10000 } }: RuleContext,
  { q, k }: Pick<Heads, 'q' | 'k'>,
  { mask, scores }: { readonly mask?: Value; readonly scores?: Value },
): Value[] {
  return [
    ...(mask ? [maskBias(b, mask, k, mask_filter_value)] : []),
    ...(unidirectional ? [causal(b, { q, k })] : []),
    ...(scores ? [scores] : []),
  ];
}

/** The last axis, split into parts of these widths. */
function parts(b: GraphBuilder, x: Value, widths: readonly number[]): Value[] {
  let end = 0;
  return widths.map((width) => {
    end += width;
    return b.slice(x, -1, end - width, end);
  });
}

/** Attention of the domain `com.microsoft`, as ONNX Runtime's optimizer and exporters write it. */
export const fusedAttention: Rules = {
  // x·[Wq Wk Wv] + c, split into queries, keys and values, then y = softmax(q·kᵀ·scale + masks)·v
  Attention: (context) => {
    const { b, inputs, outputs, reached, attributes, refuse, composed } = context;
    const { num_heads: heads, do_rotary = 0, qkv_hidden_sizes } = attributes;
    const [, weights, , mask, past] = inputs;
    if (past || reached[1]) refuse('it has past keys and values');
    if (do_rotary) refuse('it has rotary embeddings');
    const isCounted = mask?.shape.length === 1 && mask.shape[0] === inputs[0].shape[0];
    if (mask && !isCounted && mask.shape.length !== 2 && mask.shape.length !== 3)
      refuse('its mask has start positions or four axes');
    const widths: number[] = qkv_hidden_sizes?.map(Number) ?? Array(3).fill(staticSize(weights, 1) / 3);
    return composed(([x, w, bias, , , scores]) => {
      const product = b.matmul(x, w);
      const [q, k, v] = parts(b, bias ? b.add(product, bias) : product, widths).map((part) =>
        split(context, part, heads),
      );
      const biases = biasesOf(context, { q, k }, { mask, scores });
      return [join(b, attend(b, { q, k, v }, { scale: attributes.scale || undefined, biases }).y, outputs[0])];
    });
  },

  // Queries, keys and values with a bias for all three; keys and values may be split into heads already
  MultiHeadAttention: (context) => {
    const { b, inputs, outputs, reached, attributes, refuse, composed } = context;
    const [query, key, value, , mask, , ...past] = inputs;
    const { num_heads: heads } = attributes;
    if (!key || !value) refuse('its queries, keys and values are packed together');
    if (past.some((x) => x !== undefined)) refuse('it has past keys and values');
    if (reached[3]) refuse('its scores are used as a result');
    if (mask?.shape.length === 1 && mask.shape[0] !== query.shape[0]) refuse('its mask has start positions');
    return composed(([x, y, z, bias, , scores]) => {
      const width = bias && staticSize(query, 2);
      const shifts = bias ? parts(b, bias, [width, width, staticSize(bias, 0) - 2 * width]) : [];
      const [q, k, v] = [x, y, z].map((input, i) => {
        const isApart = input.shape.length === 4;
        return split(context, bias && !isApart ? b.add(input, shifts[i]) : input, heads);
      });
      const biases = biasesOf(context, { q, k }, { mask, scores });
      return [join(b, attend(b, { q, k, v }, { scale: attributes.scale || undefined, biases }).y, outputs[0]), k, v];
    });
  },

  // Causal attention in which each head of keys serves a group of query heads; rotates queries and keys on request. `seqlens_k` gives the
  // lengths of shorter sequences; later queries are padding, and no earlier query attends to their keys.
  GroupQueryAttention: (context) => {
    const { b, inputs, outputs, reached, attributes, refuse, composed } = context;
    const { num_heads: heads, kv_num_heads: groups, do_rotary = 0, rotary_interleaved = 0 } = attributes;
    const { local_window_size: window = -1, softcap = 0, smooth_softmax = 0, scale } = attributes;
    const [query, key, , pastKey, pastValue, , , , , , , ...rest] = inputs;
    if (pastKey || pastValue) refuse('it has past keys and values');
    if (reached[3]) refuse('its scores are used as a result');
    if (smooth_softmax || rest.some((x) => x !== undefined)) refuse('it has a sink, a norm or a quantized cache');
    return composed(([x, y, z, , , , , cosines, sines, ids, scores]) => {
      const features = staticSize(query, 2) / (key ? heads : heads + 2 * groups);
      const packed = [heads, groups, groups].map((count) => count * features);
      const [q, k, v] = (key ? [x, y, z] : parts(b, x, packed)).map((part, i) =>
        split(context, part, i === 0 ? heads : groups),
      );
      const rotated = (part: Value) => {
        if (!do_rotary) return part;
        const [cos, sin] = [cosines, sines].map((cache) => cached(b, cache, ids, part));
        return rotate(b, part, { cos, sin, interleaved: Boolean(rotary_interleaved) });
      };
      const turned = { q: rotated(q), k: rotated(k), v };
      const biases = [causal(b, turned, { window: window > 0 ? window : undefined }), ...(scores ? [scores] : [])];
      return [join(b, attend(b, turned, { scale: scale || undefined, softcap, biases }).y, outputs[0]), turned.k, v];
    });
  },
};
