import { capturedBy, type GraphBuilder, inOrder, type Node, readsOf } from '../../../onnx/index.ts';
import { ADJOINT_DOMAIN } from '../../autodiff/index.ts';
import { elementwiseHandlers, MICROSOFT } from './elementwise.ts';
import { FORWARD } from './forward.ts';
import { GRADIENTS } from './gradients.ts';
import { type Handler, Region } from './region.ts';
import { type Stored, storedShape } from './stored.ts';

/** By domain and operator. */
const HANDLERS: Readonly<Record<string, Readonly<Record<string, Handler>>>> = {
  '': { ...elementwiseHandlers, ...FORWARD },
  'com.microsoft': MICROSOFT,
  [ADJOINT_DOMAIN]: GRADIENTS,
};

function handlerOf({ op, domain }: Node): Handler | undefined {
  const handlers = HANDLERS[domain];
  return handlers && Object.hasOwn(handlers, op) ? handlers[op] : undefined;
}

/**
 * Rewrites convolutions, their gradients and the nodes between them for maps in blocks of channels. Convolutions read their maps in
 * blocks. Later nodes keep the blocks if they can, so that few values are reordered.
 *
 * @param keep values that keep their names and the standard order, such as the graph's outputs
 * @param size channels per block on this machine
 * @param stored inputs and kept values that are filters in block order, by name. They are declared with their `storedShape`.
 */
export function assignBlocks(
  b: GraphBuilder,
  keep: readonly string[],
  size: number,
  stored: ReadonlyMap<string, Stored> = new Map(),
): void {
  const nodes = b.restart();
  const uses = new Map<string, number>();
  for (const name of [...nodes.flatMap(readsOf), ...keep]) uses.set(name, (uses.get(name) ?? 0) + 1);
  const producers = new Map(nodes.flatMap((node) => node.outputs.map((name) => [name, node] as const)));
  const region = new Region(b, size, { uses, producers });
  const kept = new Set(keep);
  for (const [name, { shape }] of stored) {
    if (kept.has(name) || !b.has(name)) continue;
    region.place(name, { stored: { name, type: b.value(name).type, shape: storedShape(shape, size) } });
  }
  for (const node of nodes) {
    const results = handlerOf(node)?.(region, node);
    if (results) {
      results.forEach((result, i) => {
        region.place(node.outputs[i], result);
      });
      continue;
    }
    // A subgraph reads values by their original names, a node by the names of their replacements.
    for (const name of capturedBy(node)) region.keepName(name);
    b.append({ ...node, inputs: node.inputs.map((name) => region.nameOf(name)) });
  }
  for (const name of keep) stored.has(name) ? region.keepStored(name) : region.keepName(name);
  for (const [name, { shape }] of stored) {
    if (b.has(name)) b.declare({ name, type: b.value(name).type, shape: storedShape(shape, size) });
  }
  b.nodes = inOrder(b.nodes);
}
