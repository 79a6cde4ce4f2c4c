import {
  type GraphBuilder,
  type GraphView,
  type Node,
  numbersOf,
  plainAttributes,
  toAttributes,
  type Value,
} from '../../onnx/index.ts';

/** A convolution that absorbs its neighbours: zero padding of its input, and a normalization of its result by fixed statistics. */
export interface Folding {
  readonly pad?: { readonly node: Node; readonly amounts: readonly number[] };
  readonly norm?: Node;
}

/**
 * The convolutions of a graph that can absorb neighbours that no other node reads.
 *
 * @param free whether a node may be replaced; a normalization's statistics must then be fixed
 */
export function findFoldings(view: GraphView, free: (node: Node) => boolean): ReadonlyMap<Node, Folding> {
  const isFixedNorm = ({ op, domain, inputs, attributes, outputs: [, ...more] }: Node) =>
    op === 'BatchNormalization' &&
    domain === '' &&
    attributes.training_mode?.value !== 1 &&
    inputs.slice(1).every((name) => view.initializers.has(name)) &&
    more.every((name) => name === '');
  const foldings = new Map<Node, Folding>();
  for (const node of view.nodes) {
    if (node.op !== 'Conv' || node.domain !== '' || !free(node)) continue;
    const before = view.inner(node.inputs[0]);
    const amounts = before && free(before) ? zerosAround(before, node, view) : undefined;
    const pad = before && amounts && { node: before, amounts };
    const after = view.onlyReader(node.outputs[0]);
    const isFolded = after?.inputs[0] === node.outputs[0] && free(after) && isFixedNorm(after);
    const norm = isFolded ? after : undefined;
    if (pad || norm) foldings.set(node, { pad, norm });
  }
  return foldings;
}

/** The zeros that a `Pad` puts around a map, as a convolution's pads; undefined for any other padding. */
function zerosAround({ op, inputs, attributes }: Node, conv: Node, view: GraphView): readonly number[] | undefined {
  if (op !== 'Pad' || inputs[3] || (attributes.mode?.value ?? 'constant') !== 'constant') return undefined;
  const { auto_pad = 'NOTSET' } = plainAttributes(conv);
  if (auto_pad !== 'NOTSET' && auto_pad !== 'VALID') return undefined;
  const [pads, value] = inputs.slice(1).map((name) => view.constant(name));
  if (!pads || (inputs[2] && !(value && numbersOf(value).every((v) => v === 0)))) return undefined;
  const amounts = numbersOf(pads);
  const rank = amounts.length / 2;
  if (amounts.some((amount, i) => amount < 0 || (i % rank < 2 && amount > 0))) return undefined;
  return [...amounts.slice(2, rank), ...amounts.slice(rank + 2)];
}

/** One convolution with the same result as the convolution and its neighbours. */
export function fold(b: GraphBuilder, conv: Node, { pad, norm }: Folding): Node {
  const padded = pad ? withPads(conv, pad.node, pad.amounts) : conv;
  return norm ? withNorm(b, padded, norm) : padded;
}

function withPads(conv: Node, pad: Node, amounts: readonly number[]): Node {
  const { auto_pad: _, ...attributes } = conv.attributes;
  const { pads: own } = plainAttributes({ ...conv, attributes });
  const pads = amounts.map((p, i) => p + (own?.[i] ?? 0));
  return {
    ...conv,
    inputs: [pad.inputs[0], ...conv.inputs.slice(1)],
    attributes: toAttributes({ ...attributes, pads }),
  };
}

/**
 * (x ∗ w + c − μ)·k + β = x ∗ (w·k) + (c − μ)·k + β with k = γ/√(σ² + ε): products over weights instead of passes over maps.
 * Their gradients follow automatically.
 */
function withNorm(b: GraphBuilder, conv: Node, norm: Node): Node {
  const [scale, shift, mean, variance] = norm.inputs.slice(1).map((name) => b.value(name));
  const [w, bias] = conv.inputs.slice(1).map((name) => (name ? b.value(name) : undefined)) as [Value, Value?];
  const { epsilon = 1e-5 } = plainAttributes(norm);
  const k = b.mul(scale, b.reciprocal(b.sqrt(b.add(variance, epsilon))));
  const scaled = b.mul(
    w,
    b.reshape(
      k,
      w.shape.map((d, i) => (i === 0 ? d : 1)),
    ),
  );
  const moved = b.add(b.mul(bias ? b.sub(bias, mean) : b.neg(mean), k), shift);
  return { ...conv, inputs: [conv.inputs[0], scaled.name, moved.name], outputs: norm.outputs.slice(0, 1) };
}
