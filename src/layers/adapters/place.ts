import {
  elementCount,
  GraphBuilder,
  type Node,
  plainAttributes,
  type Tensor,
  tensor,
  type Value,
} from '../../onnx/index.ts';
import { Random } from '../../random.ts';
import type { Inference } from '../../shapes/index.ts';
import type { LayerGroup } from '../groups.ts';
import type { Head } from '../head.ts';
import { type AdapterTarget, chooseTargets, type LoraOptions, scaleOf } from './targets.ts';

/** A network with adapters beside its layers. */
export interface Adapted {
  readonly network: Inference;
  /** With the adapters among their parameters. */
  readonly groups: readonly LayerGroup[];
  readonly adapters: readonly Adapter[];
}

/** The two matrices beside a weight, as initializers of the network. */
export interface Adapter {
  readonly weight: string;
  readonly module: string;
  readonly a: string;
  readonly b: string;
  /** Whether they are B [outputs, rank] and A [rank, inputs, …], as PyTorch has them, or A [inputs, rank] and B [rank, outputs]. */
  readonly outputsFirst: boolean;
  /** The values that it reads, each with the name of the node that reads it. */
  readonly reads: readonly { readonly value: string; readonly into: string }[];
}

export const adapterNames = (weight: string) => ({ a: `${weight}.lora_A`, b: `${weight}.lora_B` });

/**
 * Puts an adapter beside each of the chosen layers: y = layer(x) + α/r · B(A(x)), where A has the layer's own strides, pads and groups and
 * B is a product (a 1x1 convolution). A is drawn as PyTorch's `Linear` and `Conv2d` are, B is zero, so that the network computes what it did.
 *
 * @throws ThawError `bad-config` where no layer is left to adapt
 */
export function placeAdapters(
  network: Inference,
  groups: readonly LayerGroup[],
  head: Pick<Head, 'weight'>,
  options: LoraOptions,
  seed: number,
): Adapted {
  const { graph } = network.model;
  const targets = chooseTargets(graph, groups, head, options);
  const b = new GraphBuilder();
  b.reserve([...network.values.keys(), ...graph.nodes.flatMap(({ name, outputs }) => [name, ...outputs])]);
  for (const [name, typed] of network.values) b.declare({ name, ...typed });
  const drawn = new Map(targets.flatMap((target) => drawAdapter(target, options.rank, seed)));
  for (const [name, contents] of drawn) b.initializer(name, contents);
  const reads = new Map<string, Adapter['reads'][number][]>();
  const starts: number[] = [];
  for (const node of graph.nodes) {
    starts.push(b.nodes.length);
    const target = targets.find(({ nodes }) => nodes.includes(node));
    if (!target) b.append(node);
    else reads.set(target.weight, [...(reads.get(target.weight) ?? []), placeBeside(b, node, target, options)]);
  }
  const owned = new Set(graph.nodes.flatMap(({ outputs }) => outputs));
  const added = b.nodes.flatMap(({ outputs }) => outputs).filter((name) => !owned.has(name));
  const values = new Map(network.values);
  for (const name of [...b.initializers.keys(), ...added]) values.set(name, typedOf(b.value(name)));
  const initializers = new Map([...graph.initializers, ...b.initializers]);
  return {
    network: { ...network, values, model: { ...network.model, graph: { ...graph, nodes: b.nodes, initializers } } },
    groups: groups.map((group) => withAdapters(group, targets, drawn, [...starts, b.nodes.length])),
    adapters: targets.map(({ weight, module, outputsFirst }) => ({
      weight,
      module,
      outputsFirst,
      ...adapterNames(weight),
      reads: reads.get(weight)!,
    })),
  };
}

const typedOf = ({ type, shape }: Value) => ({ type, shape });

/** A in (−1/√inputs, 1/√inputs), B zero, in the layout of the weight. */
function drawAdapter(target: AdapterTarget, rank: number, seed: number): [string, Tensor][] {
  const { weight, op, shape, outputsFirst, group } = target;
  const [first, second] = shape;
  const names = adapterNames(weight);
  const inputs = outputsFirst ? elementCount(shape.slice(1)) : first;
  const bound = 1 / Math.sqrt(inputs);
  const random = new Random(seed, 'lora', weight);
  const draw = (dims: readonly number[]) =>
    tensor(
      'float32',
      dims,
      Float32Array.from({ length: elementCount(dims) }, () => random.between(-bound, bound)),
    );
  const zero = (dims: readonly number[]) => tensor('float32', dims, new Float32Array(elementCount(dims)));
  const ones = shape.slice(2).map(() => 1);
  if (op === 'Conv') {
    return [
      [names.a, draw([group * rank, ...shape.slice(1)])],
      [names.b, zero([first, rank, ...ones])],
    ];
  }
  return outputsFirst
    ? [
        [names.a, draw([rank, second])],
        [names.b, zero([first, rank])],
      ]
    : [
        [names.a, draw([first, rank])],
        [names.b, zero([rank, second])],
      ];
}

/** The node under another name of its output, the adapter, and their sum under the output's own. */
function placeBeside(
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
  b.append({
    name: b.unique(`${y.name}/adapted`),
    op: 'Add',
    domain: '',
    inputs: [base.name, delta.name],
    outputs: [y.name],
    attributes: {},
  });
  return { value: x.name, into: first };
}

/** The matrix as [inputs, outputs]. */
const oriented = (b: GraphBuilder, matrix: Value, { outputsFirst }: AdapterTarget): Value =>
  outputsFirst ? b.transpose(matrix, [1, 0]) : matrix;

/** A's convolution: the layer's own but for its filters. */
function convolved(b: GraphBuilder, { attributes }: Node, x: Value, a: Value, y: Value): Value {
  const shape = [y.shape[0], a.shape[0], ...y.shape.slice(2)];
  return b.emit('Conv', [x, a], [{ type: y.type, shape }], attributes)[0];
}

/** A number of as many axes as what it multiplies. */
const single = (b: GraphBuilder, value: number, rank: number): Value =>
  b.constant(
    tensor(
      'float32',
      Array.from({ length: rank }, () => 1),
      Float32Array.of(value),
    ),
    'lora_scale',
  );

function withAdapters(
  group: LayerGroup,
  targets: readonly AdapterTarget[],
  drawn: ReadonlyMap<string, Tensor>,
  starts: readonly number[],
): LayerGroup {
  const own = targets
    .filter(({ weight }) => group.parameters.includes(weight))
    .flatMap(({ weight }) => Object.values(adapterNames(weight)));
  const [first, last] = group.nodes;
  return {
    ...group,
    parameters: [...group.parameters, ...own],
    count: own.reduce((all, name) => all + elementCount(drawn.get(name)!.shape), group.count),
    nodes: [starts[first], starts[last + 1] - 1],
  };
}
