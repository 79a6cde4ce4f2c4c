import { elementCount, type Graph, GraphView, isFloat, labelOf, type Node, subgraphs } from '../../onnx/index.ts';
import { settingAt } from '../autodiff/index.ts';
import type { LayerGroup } from './groups.ts';
import type { Survey } from './parameters.ts';

/** A float tensor that no stage trains, and why. */
export interface Omission {
  readonly name: string;
  /** Its number of elements. */
  readonly count: number;
  readonly reason: string;
  /** The layer group in which it is first read; undefined if nothing reads it. */
  readonly group?: string;
}

/**
 * The float initializers that are in no layer group: training never changes them. Initializers of subgraphs are included.
 *
 * @param graph with constants hoisted, as `hoistConstants` does
 * @param survey of the graph's parameters
 * @param output the graph output that the loss reads
 */
export function omissionsOf(
  graph: Graph,
  groups: readonly LayerGroup[],
  { constants }: Survey,
  output = graph.outputs[0]?.name ?? '',
): Omission[] {
  const known = new Set(groups.flatMap(({ parameters, statistics }) => [...parameters, ...statistics]));
  const view = new GraphView(graph);
  const omitted = [...graph.initializers].flatMap(([name, { type, shape }]): Omission[] => {
    if (known.has(name) || !isFloat(type)) return [];
    const count = elementCount(shape);
    const [reader] = view.readers(name);
    if (!reader) return [{ name, count, reason: 'nothing reads it' }];
    const group = groups.find(({ nodes: [, last] }) => view.place(reader) <= last)?.name;
    return [{ name, count, reason: reasonOf(name, reader, constants.get(name), output), group }];
  });
  return [...omitted, ...graph.nodes.flatMap(withinSubgraphs)];
}

function reasonOf(name: string, reader: Node, constant: string | undefined, output: string): string {
  const at = `${reader.op} node "${labelOf(reader)}"`;
  const setting = settingAt(reader, reader.inputs.indexOf(name));
  if (constant !== undefined) return `a constant: ${constant} (in ${at})`;
  return setting === undefined
    ? `no gradient leads from the output "${output}" to it (it is read by ${at})`
    : `${at} reads it as ${setting}`;
}

function withinSubgraphs(node: Node): Omission[] {
  return subgraphs(node).flatMap(({ initializers, nodes }) => [
    ...[...initializers]
      .filter(([, { type }]) => isFloat(type))
      .map(([name, { shape }]) => ({
        name,
        count: elementCount(shape),
        reason: `${node.op} node "${labelOf(node)}" holds it in a subgraph of its own`,
      })),
    ...nodes.flatMap(withinSubgraphs),
  ]);
}

/** Describes the omitted tensors of more than one number in one line; undefined if there are none. */
export function describeOmissions(omissions: readonly Omission[]): string | undefined {
  const several = omissions.filter(({ count }) => count > 1);
  if (!several.length) return undefined;
  const shown = several.slice(0, 3).map(({ name, reason }) => `"${name}" (${reason})`);
  const more = several.length > 3 ? `, and ${several.length - 3} more, which \`thaw inspect\` lists` : '';
  const tensors = several.length === 1 ? 'one tensor stays' : `${several.length} tensors stay`;
  return `${tensors} frozen in every stage: ${shown.join(', ')}${more}`;
}
