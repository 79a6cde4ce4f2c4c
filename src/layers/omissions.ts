import { elementCount, type Graph, isFloat, type Node } from '../onnx/index.ts';
import { reachedFrom } from './flow.ts';
import type { LayerGroup } from './groups.ts';
import { labelOf } from './head.ts';
import { REARRANGING } from './parameters.ts';

/** A float tensor of several numbers that no stage trains, and why. */
export interface Omission {
  readonly name: string;
  /** Its elements. */
  readonly count: number;
  readonly reason: string;
  /** The layer group in which it is first read; undefined if nothing reads it. */
  readonly group?: string;
}

/**
 * The float initializers of more than one element that are in no layer group: training never changes them. Single numbers are constants of
 * the arithmetic and are not listed.
 *
 * @param graph with constants hoisted, as `hoistConstants` does
 */
export function omissionsOf(graph: Graph, groups: readonly LayerGroup[]): Omission[] {
  const known = new Set(groups.flatMap(({ parameters, statistics }) => [...parameters, ...statistics]));
  const inputs = graph.inputs.map(({ name }) => name).filter((name) => !graph.initializers.has(name));
  const data = reachedFrom(graph.nodes, inputs);
  const readers = firstReaders(graph.nodes);
  return [...graph.initializers].flatMap(([name, { type, shape }]): Omission[] => {
    const count = elementCount(shape);
    if (known.has(name) || !isFloat(type) || count < 2) return [];
    const reader = readerOf(name, graph.nodes, readers, data);
    if (reader === undefined) return [{ name, count, reason: 'nothing reads it' }];
    const node = graph.nodes[reader];
    const meets = node.outputs.some((output) => data.has(output));
    const at = `${node.op} node "${labelOf(node)}"`;
    const reason = meets
      ? `${at} reads it, where Thaw takes it for a constant of the arithmetic`
      : `${at} computes with constants only`;
    return [{ name, count, reason, group: groups.find(({ nodes: [, last] }) => reader <= last)?.name }];
  });
}

/** Index of the first node that reads each value. */
function firstReaders(nodes: readonly Node[]): ReadonlyMap<string, number> {
  const readers = new Map<string, number>();
  nodes.forEach((node, index) => {
    for (const name of node.inputs) if (name && !readers.has(name)) readers.set(name, index);
  });
  return readers;
}

/** The first node that does more with an initializer than rearrange it. */
function readerOf(
  name: string,
  nodes: readonly Node[],
  readers: ReadonlyMap<string, number>,
  data: ReadonlySet<string>,
): number | undefined {
  let reader = readers.get(name);
  while (reader !== undefined) {
    const { op, outputs } = nodes[reader];
    if (!REARRANGING.has(op) || data.has(outputs[0])) return reader;
    reader = readers.get(outputs[0]);
  }
  return undefined;
}

/** What does not train of these groups, on one line; undefined if everything does. */
export function describeOmissions(omissions: readonly Omission[]): string | undefined {
  if (!omissions.length) return undefined;
  const shown = omissions.slice(0, 3).map(({ name, reason }) => `"${name}" (${reason})`);
  const more = omissions.length > 3 ? `, and ${omissions.length - 3} more, which \`thaw inspect\` lists` : '';
  const tensors = omissions.length === 1 ? 'one tensor stays' : `${omissions.length} tensors stay`;
  return `${tensors} frozen in every stage: ${shown.join(', ')}${more}`;
}
