import { ELEMENTWISE, type GraphBuilder, GraphView, type Node, product } from '../../../onnx/index.ts';
import { batchIn, isBySample, placeBySample } from './sample-loop.ts';

/** With this many elements per sample that skip memory, a loop over the samples costs less than their passes over memory. */
const MANY_ELEMENTS = 2 ** 19;

/**
 * Runs chains of elementwise nodes sample by sample, so that intermediate values stay in the caches. Only nodes of the chain read those.
 * Computed for all samples at once, each node would be a pass over memory if maps are large.
 *
 * @param keep values that are read by their names, such as the graph's outputs
 */
export function chainsBySample(b: GraphBuilder, keep: readonly string[]): void {
  const chains = chainsIn(b, keep);
  const inChains = new Set(chains.flat());
  const byLast = new Map(chains.map((chain) => [chain.at(-1), chain]));
  for (const node of b.restart()) {
    const chain = byLast.get(node);
    if (chain) placeBySample(b, { batch: batchOf(b, node)!, nodes: chain }, node.outputs);
    else if (!inChains.has(node)) b.append(node);
  }
}

/** Nodes in order; the last one's result is read outside. */
type Chain = readonly Node[];

function chainsIn(b: GraphBuilder, named: readonly string[]): Chain[] {
  const view = new GraphView(b, { named });
  const chains = new Map<Node, Node[]>();
  for (const node of [...b.nodes].reverse()) {
    if (batchOf(b, node) === undefined) continue;
    const [output] = node.outputs;
    const [reader, ...others] = view.readers(output);
    const chain = view.isOutput(output) ? undefined : chains.get(reader);
    const joins =
      chain && others.every((other) => chains.get(other) === chain) && shapeOf(b, chain[0]) === shapeOf(b, node);
    if (joins) chain.push(node);
    chains.set(node, joins ? chain : [node]);
  }
  const saved = (chain: Chain) => (chain.length - 1) * (product(b.value(chain[0].outputs[0]).shape.slice(1)) as number);
  return [...new Set(chains.values())].filter((chain) => saved(chain) >= MANY_ELEMENTS).map((chain) => chain.reverse());
}

const shapeOf = (b: GraphBuilder, { outputs: [output] }: Node): string => b.value(output).shape.join();

/**
 * The symbol of the batch, if a node computes each sample's elements from the elements at the same places, or from values that samples
 * share.
 */
function batchOf(b: GraphBuilder, { op, domain, inputs, outputs }: Node): string | undefined {
  if (domain !== '' || !ELEMENTWISE.has(op) || op === 'Identity' || outputs.length !== 1) return undefined;
  const { shape } = b.value(outputs[0]);
  const shapes = inputs.filter((name) => name !== '').map((name) => b.value(name).shape);
  return shapes.every((own) => isBySample(own, shape)) ? batchIn(shape) : undefined;
}
