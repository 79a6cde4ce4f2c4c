import { capturedBy, type GraphBuilder, inOrder, type Node, readsOf } from '../../../onnx/index.ts';
import { ADJOINT_DOMAIN } from '../../autodiff/index.ts';
import { elementwiseHandlers } from './elementwise.ts';
import { FORWARD } from './forward.ts';
import { GRADIENTS } from './gradients.ts';
import { type Handler, Region } from './region.ts';
import { storedShape } from './stored.ts';

const STANDARD = { ...elementwiseHandlers, ...FORWARD };

function handlerOf({ op, domain }: Node): Handler | undefined {
  const handlers = domain === ADJOINT_DOMAIN ? GRADIENTS : domain === '' ? STANDARD : undefined;
  return handlers && Object.hasOwn(handlers, op) ? handlers[op] : undefined;
}

/**
 * Rewrites convolutions, their gradients and what lies between them for maps in blocks of channels. A convolution takes its maps in
 * blocks; what follows stays in blocks as far as it can, so that little is reordered to and fro.
 *
 * @param keep values that keep their names and the standard order, such as the graph's outputs
 * @param size channels in a block, as the machine has it
 * @param stored inputs and kept values that are filters in the order of blocks; they are declared anew, by their `storedShape`
 */
export function assignBlocks(
  b: GraphBuilder,
  keep: readonly string[],
  size: number,
  stored: ReadonlySet<string> = new Set(),
): void {
  const nodes = b.restart();
  const uses = new Map<string, number>();
  for (const name of [...nodes.flatMap(readsOf), ...keep]) uses.set(name, (uses.get(name) ?? 0) + 1);
  const region = new Region(b, size, uses);
  const kept = new Set(keep);
  for (const name of stored) {
    if (kept.has(name) || !b.has(name)) continue;
    const { type, shape } = b.value(name);
    region.place(name, { filter: { name, type, shape: storedShape(shape as number[], size) } });
  }
  for (const node of nodes) {
    const results = handlerOf(node)?.(region, node);
    if (results) {
      results.forEach((result, i) => {
        region.place(node.outputs[i], result);
      });
      continue;
    }
    // A subgraph reads by name, a node what the name now stands for.
    for (const name of capturedBy(node)) region.keepName(name);
    b.append({ ...node, inputs: node.inputs.map((name) => region.nameOf(name)) });
  }
  for (const name of keep) stored.has(name) ? region.keepFilter(name) : region.keepName(name);
  for (const name of stored) {
    if (!b.has(name)) continue;
    const { type, shape } = b.value(name);
    b.declare({ name, type, shape: storedShape(shape as number[], size) });
  }
  b.nodes = inOrder(b.nodes);
}
