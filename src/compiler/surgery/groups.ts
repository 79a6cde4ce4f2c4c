import { elementCount, type Graph, labelOf, type Model } from '../../onnx/index.ts';
import { dataFlow } from './flow.ts';
import { type Head, headOf } from './head.ts';
import { Heap } from './heap.ts';
import { blockName, commonName, modulePath } from './names.ts';
import { type Survey, surveyParameters, type Use } from './parameters.ts';

/** A part of a network that training freezes or thaws as a unit. */
export interface LayerGroup {
  /** The exporter's name (`layer4.1`, `features.17`), or `block1`, `block2`, … */
  readonly name: string;
  /** Names of its trainable initializers, in the order in which they meet the data. */
  readonly parameters: readonly string[];
  /** Names of its running statistics (batch normalization). */
  readonly statistics: readonly string[];
  /** The number of elements of all its parameters. */
  readonly count: number;
  /** Indices of its first and last node. The groups' ranges follow each other and cover the graph. */
  readonly nodes: readonly [number, number];
  /** The value through which all data enters it. */
  readonly input: string;
}

/** A network with fewer groups is divided more finely, if its names allow it. */
const FEW = 8;
/** If names say nothing, blocks are merged down to this number. */
const MANY = 20;

/** Nodes between two neighbouring cuts. */
interface Segment {
  readonly first: number;
  readonly last: number;
  readonly input: string;
  readonly uses: readonly Use[];
}

interface Run {
  name: string;
  segments: Segment[];
}

/**
 * The layer groups of a model, input side first; the last one is the head. Groups are separated only where all data passes through one
 * value, and named after the blocks in the exporter's names.
 *
 * @param head the classifier, if it is not the one that `findHead` finds
 * @param survey of the model's parameters, if the caller has it
 */
export function groupsOf(
  model: Model,
  head: Head | undefined = headOf(model),
  survey: Survey = surveyParameters(model.graph, head?.graphOutput),
): LayerGroup[] {
  const { graph } = model;
  const segments = segmentsOf(graph, survey.uses);
  const headNode = head ? graph.nodes.findIndex((node) => labelOf(node) === head.nodes[0]) : -1;
  const at = segments.findIndex(({ last }) => last >= headNode);
  const cut = headNode < 0 || at < 0 ? segments.length : at;
  const body = segments.slice(0, cut);
  const runs = runsOf(graph, body);
  const tail = segments.slice(cut);
  if (tail.length) runs.push({ name: nameAt(graph, tail, 9) || 'head', segments: tail });
  return finish(graph, runs);
}

function segmentsOf(graph: Graph, uses: readonly Use[]): Segment[] {
  const { cuts } = dataFlow(graph);
  const usesAt = new Map<number, Use[]>();
  for (const use of uses) {
    const known = usesAt.get(use.node);
    if (known) known.push(use);
    else usesAt.set(use.node, [use]);
  }
  return cuts.slice(1).map(({ node }, i) => {
    const first = cuts[i].node + 1;
    const last = i === cuts.length - 2 ? graph.nodes.length - 1 : node;
    const own: Use[] = [];
    for (let at = first; at <= last; at++) for (const use of usesAt.get(at) ?? []) own.push(use);
    return { first, last, input: cuts[i].value, uses: own };
  });
}

function runsOf(graph: Graph, segments: readonly Segment[]): Run[] {
  const weighted = segments.filter(({ uses }) => uses.length);
  const named = weighted.filter((segment) => nameAt(graph, [segment], 1) !== '');
  if (named.length * 2 < weighted.length) return numbered(graph, segments);
  let runs = merge(graph, segments, 1);
  for (let level = 2; runs.length + 1 < FEW && level <= 3; level++) {
    const finer = merge(graph, segments, level);
    if (finer.length > runs.length) runs = finer;
  }
  return unique(runs);
}

/** Merges neighbours with the same name. A segment without parameters or a name, or that only adjusts values, joins the one before it. */
function merge(graph: Graph, segments: readonly Segment[], level: number): Run[] {
  const runs: Run[] = [];
  for (const segment of segments) {
    const previous = runs.at(-1);
    const name = nameAt(graph, [segment], level);
    const adjusts = segment.uses.every(({ role }) => role !== 'weight');
    if (previous && previous.name === '') {
      previous.name = name;
      previous.segments.push(segment);
    } else if (previous && (name === '' || adjusts || name === previous.name)) previous.segments.push(segment);
    else runs.push({ name, segments: [segment] });
  }
  return runs.filter(({ segments }) => segments.length);
}

/** The common name of the segments' parameters; '' if there are none, or if their names say nothing. */
function nameAt(graph: Graph, segments: readonly Segment[], level: number): string {
  const uses = segments.flatMap(({ uses }) => uses);
  // Exporters store equal tensors once, so small ones (biases of zeros) may have another layer's name.
  const matrices = uses.filter(({ role, name }) => role === 'weight' && graph.initializers.get(name)!.shape.length > 1);
  const names = (matrices.length ? matrices : uses)
    .map(({ name, node }) => blockName(modulePath(name, graph.nodes[node]), level))
    .filter((name) => name !== '');
  return names.length ? commonName([...new Set(names)]) : '';
}

/** Numbered blocks; the smallest neighbours are merged until there are few enough. */
function numbered(graph: Graph, segments: readonly Segment[]): Run[] {
  const runs: Run[] = [];
  for (const segment of segments) {
    const adjusts = segment.uses.every(({ role }) => role !== 'weight');
    if (runs.length && adjusts) runs.at(-1)!.segments.push(segment);
    else runs.push({ name: '', segments: [segment] });
  }
  const [first, second] = runs;
  if (second && countOf(graph, first) === 0)
    runs.splice(0, 2, { name: '', segments: [...first.segments, ...second.segments] });
  return mergeSmallest(graph, runs).map((run, i) => ({ ...run, name: `block${i + 1}` }));
}

/** Repeatedly merges the two neighbours that are smallest together, until there are few enough; of equal pairs, the first. */
function mergeSmallest(graph: Graph, runs: readonly Run[]): Run[] {
  const merging = runs.map((run, i) => ({
    count: countOf(graph, run),
    /** Its remaining neighbours. */
    before: i - 1,
    after: i + 1,
    /** Raised whenever this run or the next one changes. */
    version: 0,
  }));
  const pairs = new Heap<{ size: number; at: number; version: number }>((a, b) => a.size - b.size || a.at - b.at);
  const consider = (at: number) => {
    const one = merging[at];
    const next = merging[one?.after ?? -1];
    if (one) one.version++;
    if (one && next) pairs.push({ size: one.count + next.count, at, version: one.version });
  };
  for (const at of merging.keys()) consider(at);
  const gone = new Set<number>();
  while (merging.length - gone.size > MANY) {
    const { at, version } = pairs.pop()!;
    const one = merging[at];
    if (gone.has(at) || version !== one.version) continue;
    const next = merging[one.after];
    gone.add(one.after);
    one.count += next.count;
    one.after = next.after;
    if (merging[next.after]) merging[next.after].before = at;
    consider(at);
    consider(one.before);
  }
  const merged: Run[] = [];
  runs.forEach(({ segments }, i) => {
    if (!gone.has(i)) merged.push({ name: '', segments: [...segments] });
    else for (const segment of segments) merged.at(-1)!.segments.push(segment);
  });
  return merged;
}

/** Numbers names that occur again. */
function unique(runs: readonly Run[]): Run[] {
  const seen = new Map<string, number>();
  return runs.map((run) => {
    const name = run.name || 'stem';
    const count = (seen.get(name) ?? 0) + 1;
    seen.set(name, count);
    return { ...run, name: count === 1 ? name : `${name}_${count}` };
  });
}

const namesOf = ({ segments }: Run, wanted: (use: Use) => boolean): string[] =>
  segments.flatMap(({ uses }) => uses.filter(wanted).map(({ name }) => name));

const countOf = (graph: Graph, run: Run): number =>
  namesOf(run, ({ role }) => role !== 'statistic').reduce(
    (all, name) => all + elementCount(graph.initializers.get(name)!.shape),
    0,
  );

function finish(graph: Graph, runs: readonly Run[]): LayerGroup[] {
  return runs.map((run) => ({
    name: run.name,
    parameters: namesOf(run, ({ role }) => role !== 'statistic'),
    statistics: namesOf(run, ({ role }) => role === 'statistic'),
    count: countOf(graph, run),
    nodes: [run.segments[0].first, run.segments.at(-1)!.last],
    input: run.segments[0].input,
  }));
}
