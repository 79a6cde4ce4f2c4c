import { elementCount, GraphBuilder, type Tensor, tensor, type Value } from '../../../onnx/index.ts';
import { Random } from '../../../random.ts';
import type { Inference } from '../../shapes/index.ts';
import type { LayerGroup } from '../groups.ts';
import type { Head } from '../head.ts';
import { adapterNames } from './names.ts';
import { placeParallel } from './parallel.ts';
import { type AdapterTarget, chooseTargets, isConvolution, isWithin, type LoraOptions } from './targets.ts';
import { adaptedWeight } from './within.ts';

/** A network with adapters in its layers or parallel to them. */
export interface Adapted {
  readonly network: Inference;
  /** Their parameters include the adapters. */
  readonly groups: readonly LayerGroup[];
  readonly adapters: readonly Adapter[];
}

/** The two matrices of a weight's adapter, as initializers of the network. */
export interface Adapter {
  readonly weight: string;
  readonly module: string;
  readonly a: string;
  readonly b: string;
  /** Whether they are B [outputs, rank] and A [rank, inputs, …], as in PyTorch, or A [inputs, rank] and B [rank, outputs]. */
  readonly outputsFirst: boolean;
  /** The values that it reads, each with the name of the node that reads it; empty if it is added to the weight itself. */
  readonly reads: readonly { readonly value: string; readonly into: string }[];
}

export interface PlacementOptions extends LoraOptions {
  readonly seed: number;
  /** Whether an adapter goes within the weight instead of parallel to the layer; the faster way by default. */
  readonly goesWithin?: (target: AdapterTarget) => boolean;
}

/**
 * Adds an adapter to each of the chosen layers, in the faster of two ways. Within the weight, W + α/r · BA is recomputed in every step.
 * Parallel to the layer, y = layer(x) + α/r · B(A(x)), where A has the layer's strides, pads and groups, and B is a product (a 1x1
 * convolution). Dropout before an adapter affects the adapter only, so it needs the parallel way. A is drawn like PyTorch's
 * `Linear` and `Conv2d`; B is zero, so the network computes the same as before.
 *
 * @throws ThawError `bad-config` if no layer is left to adapt
 */
export function placeAdapters(
  network: Inference,
  groups: readonly LayerGroup[],
  head: Pick<Head, 'weight'>,
  options: PlacementOptions,
): Adapted {
  const { seed, goesWithin = (target: AdapterTarget) => isWithin(target, options) } = options;
  const { graph } = network.model;
  const targets = chooseTargets(graph, groups, head, options);
  const b = new GraphBuilder();
  b.reserve([...network.values.keys(), ...graph.nodes.flatMap(({ name, outputs }) => [name, ...outputs])]);
  for (const [name, typed] of network.values) b.declare({ name, ...typed });
  const drawn = new Map(targets.flatMap((target) => drawAdapter(target, options.rank, seed)));
  for (const [name, contents] of drawn) b.initializer(name, contents);
  const reads = new Map<string, Adapter['reads'][number][]>();
  const within = new Map(targets.filter(goesWithin).map((target) => [target.weight, target]));
  const targetOf = new Map(targets.flatMap((target) => target.nodes.map((node) => [node, target] as const)));
  const adapted = new Map<string, string>();
  const starts: number[] = [];
  for (const node of graph.nodes) {
    starts.push(b.nodes.length);
    for (const name of node.inputs) {
      const target = within.get(name);
      if (target && !adapted.has(name)) adapted.set(name, adaptedWeight(b, target, options).name);
    }
    const target = targetOf.get(node);
    if (!target || within.has(target.weight))
      b.append({ ...node, inputs: node.inputs.map((name) => adapted.get(name) ?? name) });
    else {
      const read = placeParallel(b, node, target, options);
      const known = reads.get(target.weight);
      if (known) known.push(read);
      else reads.set(target.weight, [read]);
    }
  }
  const owned = new Set(graph.nodes.flatMap(({ outputs }) => outputs));
  const added = b.nodes.flatMap(({ outputs }) => outputs).filter((name) => !owned.has(name));
  const values = new Map(network.values);
  for (const name of [...b.initializers.keys(), ...added]) values.set(name, typedOf(b.value(name)));
  const initializers = new Map([...graph.initializers, ...b.initializers]);
  return {
    network: { ...network, values, model: { ...network.model, graph: { ...graph, nodes: b.nodes, initializers } } },
    groups: withAdapters(groups, targets, drawn, [...starts, b.nodes.length]),
    adapters: targets.map(({ weight, module, outputsFirst }) => ({
      weight,
      module,
      outputsFirst,
      ...adapterNames(weight),
      reads: reads.get(weight) ?? [],
    })),
  };
}

const typedOf = ({ type, shape }: Value) => ({ type, shape });

/** A from (−1/√inputs, 1/√inputs), B zero, in the layout of the weight. */
function drawAdapter(target: AdapterTarget, rank: number, seed: number): [string, Tensor][] {
  const { weight, shape, outputsFirst, group } = target;
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
  if (isConvolution(target)) {
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

function withAdapters(
  groups: readonly LayerGroup[],
  targets: readonly AdapterTarget[],
  drawn: ReadonlyMap<string, Tensor>,
  starts: readonly number[],
): LayerGroup[] {
  const places = new Map(targets.map(({ weight }, i) => [weight, i]));
  return groups.map((group) => {
    const own = group.parameters
      .flatMap((name) => places.get(name) ?? [])
      .sort((a, b) => a - b)
      .flatMap((place) => Object.values(adapterNames(targets[place].weight)));
    const [first, last] = group.nodes;
    return {
      ...group,
      parameters: [...group.parameters, ...own],
      count: own.reduce((all, name) => all + elementCount(drawn.get(name)!.shape), group.count),
      nodes: [starts[first], starts[last + 1] - 1],
    };
  });
}
