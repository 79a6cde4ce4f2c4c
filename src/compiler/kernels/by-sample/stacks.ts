import {
  axis,
  ELEMENTWISE,
  type GraphBuilder,
  GraphView,
  inOrder,
  type Node,
  numbersOf,
  plainAttributes,
  product,
  readsOf,
  type Shape,
} from '../../../onnx/index.ts';
import { batchIn, isBySample, placeBySample, runsAlong, type SampleLoop } from './sample-loop.ts';

/** With this many elements per sample, a loop over the samples costs less than the passes over memory that it saves. */
const MANY_ELEMENTS = 2 ** 17;

/** Nodes that large values connect. */
interface Cluster extends SampleLoop {
  readonly nodes: Node[];
  /** Values with a batch that the nodes read or compute. */
  readonly values: Set<string>;
}

/**
 * Runs products of stacks of matrices and the large values between them sample by sample, so that intermediate values stay in the caches.
 * Examples are attention's scores, their softmax and the weighted sum, and the gradients of these.
 *
 * @param wanted names of the graph's outputs
 */
export function stacksBySample(b: GraphBuilder, wanted: readonly string[]): void {
  const clusters = clustersIn(b).filter(({ nodes }) => nodes.length > 1);
  if (!clusters.length) return;
  const ends = new Map(clusters.map((cluster) => [cluster.nodes.at(-1)!, cluster]));
  const within = new Set(clusters.flatMap(({ nodes }) => nodes));
  const nodes = b.restart();
  const view = new GraphView({ nodes }, { named: wanted });
  for (const node of nodes) {
    const cluster = ends.get(node);
    if (!within.has(node)) b.append(node);
    if (!cluster) continue;
    const own = new Set(cluster.nodes);
    const isRead = (name: string) => view.isOutput(name) || view.readers(name).some((reader) => !own.has(reader));
    placeBySample(b, cluster, cluster.nodes.map(({ outputs: [name] }) => name).filter(isRead));
  }
  b.nodes = inOrder(b.nodes);
}

function clustersIn(b: GraphBuilder): readonly Cluster[] {
  const view = new GraphView(b);
  const clusters: Cluster[] = [];
  const clusterOf = new Map<Node, Cluster>();

  /** A place before which nothing depends on the cluster, or on a later node that the loop computes together with it. */
  const beginningOf = (cluster: Cluster): number => {
    const [first, last] = [0, -1].map(
      (i) =>
        ({ nodes }: Cluster) =>
          view.place(nodes.at(i)!),
    );
    return clusters.reduceRight(
      (place, other) => (last(other) >= place ? Math.min(place, first(other)) : place),
      first(cluster),
    );
  };

  /** Whether adding a node to a cluster would put the node both before and after it. */
  const closesCircle = (node: Node, cluster: Cluster): boolean => {
    const seen = new Set<Node>();
    const rest = [node];
    const beginning = beginningOf(cluster);
    for (let next = rest.pop(); next; next = rest.pop()) {
      const together = clusterOf.get(next)?.nodes ?? [next];
      for (const name of together.flatMap(readsOf)) {
        const before = view.producer(name);
        if (!before || seen.has(before) || view.place(before) < beginning) continue;
        if (clusterOf.get(before) !== cluster) {
          seen.add(before);
          rest.push(before);
        } else if (next !== node) return true;
      }
    }
    return false;
  };

  for (const node of b.nodes) {
    const batch = batchOf(b, node);
    if (batch === undefined) continue;
    const values = [...node.inputs, ...node.outputs].filter((name) => name !== '' && b.value(name).shape[0] === batch);
    if (!values.some((name) => isLarge(b, name))) continue;
    const neighbour = clusters.findLast(
      (cluster) =>
        cluster.batch === batch && values.some((name) => cluster.values.has(name)) && !closesCircle(node, cluster),
    );
    const cluster = neighbour ?? (isStackProduct(node) ? { batch, nodes: [], values: new Set<string>() } : undefined);
    if (!cluster) continue;
    if (!neighbour) clusters.push(cluster);
    cluster.nodes.push(node);
    for (const name of values) cluster.values.add(name);
    clusterOf.set(node, cluster);
  }
  return clusters;
}

const isStackProduct = ({ op }: Node) => op === 'MatMul' || op === 'FusedMatMul';

const isLarge = (b: GraphBuilder, name: string) => (product(b.value(name).shape.slice(1)) as number) >= MANY_ELEMENTS;

/** The symbol of the batch, if a node computes each sample from the same sample of its operands. */
function batchOf(b: GraphBuilder, node: Node): string | undefined {
  const { op, domain, inputs, outputs } = node;
  if (outputs.length !== 1 || !inputs.every((name) => name !== '' && b.has(name)) || !b.has(outputs[0]))
    return undefined;
  const { type, shape: result } = b.value(outputs[0]);
  const batch = batchIn(result);
  if (type !== 'float32' || batch === undefined) return undefined;
  const operands = inputs.map((name) => b.value(name).shape);
  const isAlong = (shape: Shape) => runsAlong(shape, result);
  const attributes = plainAttributes(node);
  const isFused =
    op === 'FusedMatMul' && domain === 'com.microsoft' && !attributes.transBatchA && !attributes.transBatchB;
  if (isFused || (op === 'MatMul' && domain === ''))
    return result.length > 2 && operands.every(isAlong) ? batch : undefined;
  if (domain !== '') return undefined;
  if (ELEMENTWISE.has(op)) return operands.every((shape) => isBySample(shape, result)) ? batch : undefined;
  const [x] = operands;
  if (op === 'Softmax') return axis(attributes.axis ?? -1, x.length) > 0 && isAlong(x) ? batch : undefined;
  if (op !== 'ReduceSum' || batchIn(x) !== batch) return undefined;
  const axes = inputs[1] === undefined ? undefined : b.tensorOf(b.value(inputs[1]));
  return axes && numbersOf(axes).every((at) => axis(at, x.length) > 0) ? batch : undefined;
}
