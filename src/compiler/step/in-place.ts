import {
  asStatic,
  elementsIn,
  type GraphBuilder,
  GraphView,
  isStatic,
  type Node,
  readsOf,
  sameShape,
  type Value,
} from '../../onnx/index.ts';
import { canBeLate } from '../autodiff/index.ts';
import { heldInPlace } from '../kernels/index.ts';
import { ELEMENT_BY_ELEMENT } from './replaceable.ts';

/** For fewer elements, a few nodes cost more than a second copy. */
const LARGE = 2 ** 14;

/** A large parameter, the node that writes its next value, the operand that can be held back, and the nodes that read it. */
interface Write {
  readonly name: string;
  readonly writer: Node;
  readonly operand: string;
  readonly readers: readonly Node[];
}

/**
 * Computes the next values of large parameters after all reads of the parameters, so that they can be written in place. A product of the
 * backward pass reads a weight around the time of its update, and only an operand that waits for this product fixes the order.
 *
 * A node that computes values of the parameter alone, without the batch, counts as part of its readers: a runtime may move a `Transpose` behind
 * its reader.
 *
 * @param outputs outputs of the graph, `<name>.next` among them
 * @returns names of the parameters that no node reads after their next value is written, in any order that a runtime chooses
 */
export function writeInPlace(b: GraphBuilder, outputs: readonly Value[]): Set<string> {
  const writes = writesIn(b, outputs);
  const writers = writes.map(({ writer }) => writer);
  const precedes = precedenceIn(b.nodes, [...writers, ...writes.flatMap(({ readers }) => readers)]);
  const holds = new Map<Node, { operand: string; triggers: Value[] }>();
  const found = new Set<string>();
  for (const { name, writer, operand, readers } of writes) {
    const late = readers.filter((node) => !precedes(node, writer));
    const triggers = late.flatMap((node) => varying(b, node) ?? []);
    const ends = late.filter((node) => varying(b, node));
    const isSettled = (node: Node) => ends.some((end) => end === node || precedes(node, end));
    if (!late.every(isSettled) || ends.some((end) => writers.some((other) => precedes(other, end)))) continue;
    if (triggers.length) holds.set(writer, { operand, triggers });
    found.add(name);
  }
  for (const node of b.restart()) {
    const hold = holds.get(node);
    if (!hold) b.append(node);
    else {
      let held = asStatic(b.value(hold.operand));
      for (const trigger of hold.triggers) held = heldInPlace(b, held, trigger);
      b.append({ ...node, inputs: node.inputs.map((name) => (name === hold.operand ? held.name : name)) });
    }
  }
  return found;
}

function writesIn(b: GraphBuilder, outputs: readonly Value[]): Write[] {
  const view = new GraphView(b);
  return outputs.flatMap(({ name: next }): Write[] => {
    const name = next.replace(/\.next$/, '');
    const writer = view.producer(next);
    if (name === next || !writer || !b.has(name) || view.producer(name)) return [];
    const { shape } = b.value(name);
    if (!isStatic(shape) || elementsIn(shape) < LARGE) return [];
    if (writer.domain !== '' || !ELEMENT_BY_ELEMENT.has(writer.op)) return [];
    const operand = writer.inputs.findLast((input) => view.producer(input) && sameShape(b.value(input).shape, shape));
    return operand === undefined ? [] : [{ name, writer, operand, readers: readersOfAlone(b, name, writer, view) }];
  });
}

/** The nodes that read a value or values computed from it alone, up to the first ones that also depend on the batch. */
function readersOfAlone(b: GraphBuilder, name: string, writer: Node, view: GraphView): Node[] {
  const found = new Set<Node>();
  const names = new Set([name]);
  for (const read of names) {
    for (const node of view.readers(read)) {
      if (node === writer) continue;
      found.add(node);
      if (!varying(b, node)) for (const output of node.outputs) names.add(output);
    }
  }
  return [...found];
}

/** A result that depends on the batch, so that another value can be made to wait for it. */
const varying = (b: GraphBuilder, { outputs }: Node): Value | undefined =>
  outputs.flatMap((name) => (b.has(name) ? b.value(name) : [])).find(canBeLate);

/** Whether one of the given nodes comes before another one, which depends on its results. */
function precedenceIn(nodes: readonly Node[], given: readonly Node[]): (before: Node, after: Node) => boolean {
  const numbers = new Map([...new Set(given)].map((node, i) => [node, i]));
  const words = Math.ceil(numbers.size / 32);
  const sets = new Map<Node, Uint32Array>();
  const view = new GraphView({ nodes });
  for (const node of nodes) {
    const set = new Uint32Array(words);
    for (const name of readsOf(node)) {
      const producer = view.producer(name);
      const theirs = producer && sets.get(producer);
      if (!theirs) continue;
      for (let i = 0; i < words; i++) set[i] |= theirs[i];
      const own = numbers.get(producer);
      if (own !== undefined) set[own >> 5] |= 1 << (own & 31);
    }
    sets.set(node, set);
  }
  return (before, after) => {
    const number = numbers.get(before)!;
    return ((sets.get(after)![number >> 5] >> (number & 31)) & 1) === 1;
  };
}
