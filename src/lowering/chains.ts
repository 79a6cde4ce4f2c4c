import { ELEMENTWISE, type GraphBuilder, isStatic, type Node, product, readersIn, type Value } from '../onnx/index.ts';
import { eachOfBatch } from './scan.ts';

/** Elements of a sample that need not go through memory, from which on a loop over the samples costs less than their passes. */
const MANY_ELEMENTS = 2 ** 19;

/**
 * Elementwise nodes whose results only others of them read, computed for one sample after the other, so that what lies between stays in the caches:
 * at once, each of them is a pass over memory where maps are large.
 *
 * @param keep values that are read by their names, such as the graph's outputs
 */
export function chainsBySample(b: GraphBuilder, keep: readonly string[]): void {
  const chains = chainsIn(b, new Set(keep));
  const inChains = new Set(chains.flat());
  const byLast = new Map(chains.map((chain) => [chain.at(-1), chain]));
  for (const node of b.restart()) {
    const chain = byLast.get(node);
    if (chain) emitLoop(b, chain);
    else if (!inChains.has(node)) b.append(node);
  }
}

/** Nodes in order, of which the last gives what is read elsewhere. */
type Chain = readonly Node[];

function chainsIn(b: GraphBuilder, kept: ReadonlySet<string>): Chain[] {
  const readers = readersIn(b.nodes);
  const chains = new Map<Node, Node[]>();
  for (const node of [...b.nodes].reverse()) {
    if (!isStep(b, node)) continue;
    const [output] = node.outputs;
    const [reader, ...others] = readers.get(output) ?? [];
    const chain = kept.has(output) ? undefined : chains.get(reader);
    const joins =
      chain && others.every((other) => chains.get(other) === chain) && shapeOf(b, chain[0]) === shapeOf(b, node);
    if (joins) chain.push(node);
    chains.set(node, joins ? chain : [node]);
  }
  const saved = (chain: Chain) => (chain.length - 1) * (product(b.value(chain[0].outputs[0]).shape.slice(1)) as number);
  return [...new Set(chains.values())].filter((chain) => saved(chain) >= MANY_ELEMENTS).map((chain) => chain.reverse());
}

const shapeOf = (b: GraphBuilder, { outputs: [output] }: Node): string => b.value(output).shape.join();

/** Whether a node computes the elements of samples, each with what is in its place or the same for all samples. */
function isStep(b: GraphBuilder, { op, domain, inputs, outputs }: Node): boolean {
  if (domain !== '' || !ELEMENTWISE.has(op) || op === 'Identity' || outputs.length !== 1) return false;
  const { shape } = b.value(outputs[0]);
  if (shape.length < 2 || isStatic(shape) || !isStatic(shape.slice(1))) return false;
  return inputs.every((name) => name === '' || isOfSamples(b, name, shape) || isOfAll(b, name, shape));
}

const isOfSamples = (b: GraphBuilder, name: string, shape: Value['shape']): boolean => {
  const own = b.value(name).shape;
  return own.length === shape.length && own[0] === shape[0];
};

const isOfAll = (b: GraphBuilder, name: string, shape: Value['shape']): boolean => {
  const own = b.value(name).shape;
  return isStatic(own) && (own.length < shape.length || own[0] === 1);
};

function emitLoop(b: GraphBuilder, chain: Chain): void {
  const [result] = chain.at(-1)!.outputs;
  const { shape } = b.value(result);
  const made = new Set(chain.flatMap(({ outputs }) => outputs));
  const read = new Set(chain.flatMap(({ inputs }) => inputs).filter((name) => name !== '' && !made.has(name)));
  const taken = [...read].filter((name) => isOfSamples(b, name, shape));
  // What is the same for all samples has no axis for them.
  const values = new Map<string, Value>();
  for (const name of read) {
    const value = b.value(name);
    if (!taken.includes(name))
      values.set(name, value.shape.length < shape.length ? value : b.reshape(value, value.shape.slice(1)));
  }
  eachOfBatch(
    b,
    taken.map((name) => b.value(name)),
    (elements) => {
      for (const [i, name] of taken.entries()) values.set(name, elements[i]);
      for (const { op, inputs, outputs, attributes } of chain) {
        const { type, shape } = b.value(outputs[0]);
        const [value] = b.emit(
          op,
          inputs.map((name) => values.get(name)),
          [{ type, shape: shape.slice(1) }],
          attributes,
        );
        values.set(outputs[0], value);
      }
      return values.get(result)!;
    },
  );
  const loop = b.nodes.pop()!;
  b.append({ ...loop, outputs: [result] });
}
