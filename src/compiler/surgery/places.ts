import { dataInputsOf, type Graph, GraphView, labelOf } from '../../onnx/index.ts';
import { reachedFrom } from './flow.ts';
import type { LayerGroup } from './groups.ts';
import { selectParameters } from './selection.ts';

/** A value between two layers, and its readers. */
export interface Place {
  readonly value: string;
  /** The node that computes it. */
  readonly node: string;
  /** The nodes that read it. */
  readonly readers: readonly string[];
}

/**
 * Every value that depends on the data and that a node reads.
 *
 * @param whole the graph with adapters, which also read its values
 */
export function placesOf(graph: Graph, whole: Graph = graph): Place[] {
  const inputs = dataInputsOf(graph).map(({ name }) => name);
  const data = reachedFrom(graph.nodes, inputs);
  const view = new GraphView(whole);
  return graph.nodes.flatMap((node) =>
    node.outputs.flatMap((value): Place[] => {
      // Nothing can be inserted before a reader inside a subgraph.
      const readers = data.has(value) ? view.readers(value).filter(({ inputs }) => inputs.includes(value)) : [];
      return readers.length ? [{ value, node: labelOf(node), readers: readers.map(labelOf) }] : [];
    }),
  );
}

/**
 * The places that a name selects: for a layer group's name, the end of the group; for a value's or a node's name, or a glob or `/regex/`,
 * the matching values.
 *
 * @throws ThawError `bad-config` if it selects none, with similar names
 */
export function selectPlaces(name: string, places: readonly Place[], groups: readonly LayerGroup[]): readonly Place[] {
  const at = groups.findIndex((group) => group.name === name);
  const end = at >= 0 ? groups[at + 1]?.input : undefined;
  if (end !== undefined) return places.filter(({ value }) => value === end);
  const names = places.flatMap(({ value, node }) => [value, node]);
  const ends = groups.map((group) => ({ ...group, parameters: [] }));
  const found = selectParameters(name, ends, names);
  return places.filter(({ value, node }) => found.has(value) || found.has(node));
}
