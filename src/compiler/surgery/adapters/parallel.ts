import { type GraphBuilder, makeNode, type Node, plainAttributes, tensor, type Value } from '../../../onnx/index.ts';
import { adapterNames } from './names.ts';
import type { Adapter } from './place.ts';
import { type AdapterTarget, type LoraOptions, scaleOf } from './targets.ts';

const typedOf = ({ type, shape }: Value) => ({ type, shape });

/** The node with its output renamed, the adapter, and their sum under the output's original name. */
export function placeParallel(
  b: GraphBuilder,
  node: Node,
  target: AdapterTarget,
  options: LoraOptions,
): Adapter['reads'][number] {
  const y = b.value(node.outputs[0]);
  const base = b.declare({ ...y, name: b.unique(`${y.name}.frozen`) });
  b.append({ ...node, outputs: [base.name] });
  const x = b.value(node.inputs[0]);
  const names = adapterNames(target.weight);
  const [a, up] = [b.value(names.a), b.value(names.b)];
  const { alpha = 1 } = target.op === 'Gemm' ? plainAttributes(node) : {};
  const scaled = scaleOf(options) * alpha;
  const second = scaled === 1 ? up : b.mul(up, single(b, scaled, up.shape.length));
  const hidden = target.op === 'Conv' ? convolved(b, node, x, a, y) : b.matmul(x, oriented(b, a, target));
  const { name: first } = b.nodes.at(-1)!;
  const delta =
    target.op === 'Conv'
      ? b.emit('Conv', [hidden, second], [typedOf(y)], { group: target.group })[0]
      : b.matmul(hidden, oriented(b, second, target));
  b.append(makeNode('Add', [base.name, delta.name], [y.name], {}, { name: b.unique(`${y.name}/adapted`) }));
  return { value: x.name, into: first };
}

/** The matrix as [inputs, outputs]. */
const oriented = (b: GraphBuilder, matrix: Value, { outputsFirst }: AdapterTarget): Value =>
  outputsFirst ? b.transpose(matrix, [1, 0]) : matrix;

/** A's convolution: the layer's own with other filters. */
function convolved(b: GraphBuilder, { attributes }: Node, x: Value, a: Value, y: Value): Value {
  const shape = [y.shape[0], a.shape[0], ...y.shape.slice(2)];
  return b.emit('Conv', [x, a], [{ type: y.type, shape }], attributes)[0];
}

/** A number, with one axis for each axis of its operand. */
const single = (b: GraphBuilder, value: number, rank: number): Value =>
  b.constant(
    tensor(
      'float32',
      Array.from({ length: rank }, () => 1),
      Float32Array.of(value),
    ),
    'lora_scale',
  );
