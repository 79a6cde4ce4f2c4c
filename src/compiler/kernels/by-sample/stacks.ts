import {
  axis,
  ELEMENTWISE,
  type GraphBuilder,
  inOrder,
  type Node,
  numbersOf,
  plainAttributes,
  producersIn,
  product,
  readersIn,
  readsOf,
  type Shape,
} from '../../../onnx/index.ts';
import { batchIn, isBySample, placeBySample, runsAlong, type Stretch } from './stretch.ts';

/** Elements of a sample from which on a loop over the samples costs less than the passes over memory that it saves. */
const MANY_ELEMENTS = 2 ** 17;

/** A stretch whose nodes large values bind together. */
interface Bound extends Stretch {
  readonly nodes: Node[];
  /** Values with a batch that they read or make. */
  readonly values: Set<string>;
}

/**
 * Products of stacks of matrices, with what is computed between them of large values, as attention's scores, their softmax and what it weighs, one sample
 * after the other: what lies between stays in the caches. The same for their gradients.
 *
 * @param wanted names of the graph's outputs
 */
export function stacksBySample(b: GraphBuilder, wanted: readonly string[]): void {
  const stretches = stretchesIn(b).filter(({ nodes }) => nodes.length > 1);
  if (!stretches.length) return;
  const ends = new Map(stretches.map((stretch) => [stretch.nodes.at(-1)!, stretch]));
  const within = new Set(stretches.flatMap(({ nodes }) => nodes));
  const readers = readersIn(b.nodes);
  const kept = new Set(wanted);
  for (const node of b.restart()) {
    const stretch = ends.get(node);
    if (!within.has(node)) b.append(node);
    if (!stretch) continue;
    const own = new Set(stretch.nodes);
    const isRead = (name: string) => kept.has(name) || readers.get(name)?.some((reader) => !own.has(reader));
    placeBySample(b, stretch, stretch.nodes.map(({ outputs: [name] }) => name).filter(isRead));
  }
  b.nodes = inOrder(b.nodes);
}

function stretchesIn(b: GraphBuilder): readonly Bound[] {
  const producers = producersIn(b.nodes);
  const stretches: Bound[] = [];
  const stretchOf = new Map<Node, Bound>();
  const places = new Map(b.nodes.map((node, i) => [node, i]));

  /** A place before which nothing depends on the stretch, what is to be computed together with something later included. */
  const beginningOf = (stretch: Bound): number => {
    const [first, last] = [0, -1].map(
      (i) =>
        ({ nodes }: Bound) =>
          places.get(nodes.at(i)!)!,
    );
    return stretches.reduceRight(
      (place, other) => (last(other) >= place ? Math.min(place, first(other)) : place),
      first(stretch),
    );
  };

  /** Whether a node would come both before and after a stretch that it became a part of. */
  const closesCircle = (node: Node, stretch: Bound): boolean => {
    const seen = new Set<Node>();
    const rest = [node];
    const beginning = beginningOf(stretch);
    for (let next = rest.pop(); next; next = rest.pop()) {
      const alongside = stretchOf.get(next)?.nodes ?? [next];
      for (const name of alongside.flatMap(readsOf)) {
        const before = producers.get(name);
        if (!before || seen.has(before) || places.get(before)! < beginning) continue;
        if (stretchOf.get(before) !== stretch) {
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
    const neighbour = stretches.findLast(
      (stretch) =>
        stretch.batch === batch && values.some((name) => stretch.values.has(name)) && !closesCircle(node, stretch),
    );
    const stretch = neighbour ?? (isStackProduct(node) ? { batch, nodes: [], values: new Set<string>() } : undefined);
    if (!stretch) continue;
    if (!neighbour) stretches.push(stretch);
    stretch.nodes.push(node);
    for (const name of values) stretch.values.add(name);
    stretchOf.set(node, stretch);
  }
  return stretches;
}

const isStackProduct = ({ op }: Node) => op === 'MatMul' || op === 'FusedMatMul';

const isLarge = (b: GraphBuilder, name: string) => (product(b.value(name).shape.slice(1)) as number) >= MANY_ELEMENTS;

/** The symbol of the batch of which a node computes each sample from that of its operands. */
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
