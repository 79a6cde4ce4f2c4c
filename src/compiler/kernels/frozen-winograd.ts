import {
  explicitPads,
  type GraphBuilder,
  isStatic,
  makeNode,
  type Node,
  plainAttributes,
  product,
  type Value,
} from '../../onnx/index.ts';
import { POINTS, suitsWinograd, transformedFilter, winograd } from './winograd.ts';

/** Transformed filters are four times as large. All of them together take at most this many bytes. */
const MOST_BYTES = 2 ** 26;

/**
 * Writes convolutions with constant filters in Winograd's form. ONNX Runtime transforms these filters once, while it loads the model.
 *
 * A convolution of one tap by channel adds the bias. Like the convolution that it replaces, it takes in the sum and the activation that
 * follow, and returns to blocks.
 */
export function placeWinograd(b: GraphBuilder): void {
  let left = MOST_BYTES;
  for (const node of b.restart()) {
    const call = callOf(b, node);
    const bytes = call ? 4 * POINTS * product(call.w.shape.slice(0, 2)) : 0;
    if (call && bytes <= left) {
      left -= bytes;
      place(b, node, call);
    } else b.append(node);
  }
}

interface Call {
  readonly x: Value;
  readonly w: Value<readonly number[]>;
  readonly spatial: readonly number[];
  readonly out: readonly number[];
  readonly begins: readonly number[];
}

function callOf(b: GraphBuilder, node: Node): Call | undefined {
  const { op, domain, inputs, outputs } = node;
  if (op !== 'Conv' || domain !== '' || !inputs.every((name) => name === '' || b.has(name))) return undefined;
  const [x, w] = inputs.map((name) => b.value(name));
  const [y] = outputs.map((name) => b.value(name));
  const [, , ...spatial] = x.shape;
  const [, , ...out] = y.shape;
  const { shape } = w;
  if (x.type !== 'float32' || !b.tensorOf(w) || !isStatic(shape) || !isStatic(spatial) || !isStatic(out))
    return undefined;
  const [filters, channels, ...kernel] = shape;
  const { group = 1, strides, dilations, ...pads } = plainAttributes(node);
  if (!suitsWinograd({ filters, channels, kernel, group, strides, dilations })) return undefined;
  return { x, w: { ...w, shape }, spatial, out, begins: explicitPads(spatial, kernel, pads).slice(0, 2) };
}

function place(b: GraphBuilder, node: Node, { x, w, ...sizes }: Call): void {
  const [filters, channels, kh, kw] = w.shape;
  const byTap = b.reshape(b.transpose(w, [2, 3, 1, 0]), [kh * kw, channels, filters]);
  const rows = b.transpose(x, [0, 2, 3, 1]);
  const results = winograd(b, { filters, channels, ...sizes }, rows, transformedFilter(b, byTap));
  const ones = b.constant(
    { type: 'float32', shape: [filters, 1, 1, 1], data: new Float32Array(filters).fill(1) },
    'ones',
  );
  const map = b.transpose(results, [0, 3, 1, 2]);
  b.append(
    makeNode(
      'Conv',
      [map.name, ones.name, ...node.inputs.slice(2)],
      node.outputs,
      { group: filters },
      { name: node.name },
    ),
  );
}
