import { ThawError } from '../../errors.ts';
import {
  arrayFrom,
  type Graph,
  GraphView,
  isDequantize,
  isQuantize,
  labelOf,
  type Model,
  makeNode,
  type Node,
  numbersOf,
  pruned,
  type ValueInfo,
} from '../../onnx/index.ts';
import { reachedFrom } from './flow.ts';
import { type Head, tailStays } from './head.ts';
import { type NewHead, redraw } from './head-rows.ts';

const NORMALIZING = new Set(['Softmax', 'LogSoftmax', 'Sigmoid']);

/**
 * Gives the model a new classifier: the same operators, weight names and layout, with new weights for the new classes. The graph's
 * output is logits: a Softmax at the end is removed. Weights and bias are drawn like PyTorch's `Linear` and `Conv2d`, uniformly
 * from ±1/√features, except for the rows of classes that stay.
 *
 * @returns the model, and the names of the new initializers
 * @throws ThawError `bad-model` if the head cannot be replaced
 */
export function replaceHead(
  model: Model,
  head: Head,
  { classes, seed, rows }: NewHead,
): { model: Model; parameters: string[] } {
  if (!Number.isInteger(classes) || classes < 1) {
    throw new ThawError('bad-config', `a head has at least one class, not ${classes}`, 'Give the number of classes');
  }
  refuseSharedWeight(model.graph, head);
  const trimmed = asLogits(model.graph, head);
  const graph = resized(trimmed, head, classes);
  const parameters = head.bias === undefined ? [head.weight] : [head.weight, head.bias];
  for (const name of parameters) redraw(graph, name, head, { classes, seed, rows });
  return { model: { ...model, graph }, parameters };
}

/** A weight that other layers use too (a tied embedding) cannot change its size. */
function refuseSharedWeight(graph: Graph, head: Head): void {
  for (const name of [head.weight, head.bias]) {
    const others = graph.nodes.filter((node) => name !== undefined && node.inputs.includes(name));
    if (others.length > 1) {
      throw new ThawError(
        'bad-model',
        `the head's "${name}" is shared with other layers (${others.map(labelOf).join(', ')})`,
        'Keep the head with --keep-head, or export the model with separate weights',
      );
    }
  }
}

/** The graph whose first output is the head's raw scores, under the output's name. */
function asLogits(graph: Graph, head: Head): Graph {
  const stays = tailStays(head);
  if (!stays && head.kind === 'conv') {
    throw new ThawError(
      'bad-model',
      `the layers after "${head.nodes[0]}" (${head.tail.join(', ')}) cannot follow a new head`,
      'Name another head with --head',
    );
  }
  const { source, dropped } = stays
    ? withoutNormalizing(graph, head)
    : { source: head.output, dropped: new Set<string>() };
  if (source === head.graphOutput) return graph;
  const taken = graph.outputs.some(({ name }) => name === source);
  if (taken) {
    const identity = makeNode('Identity', [source], [head.graphOutput], {}, { name: `${head.graphOutput}/logits` });
    const nodes = graph.nodes.filter(({ outputs }) => !outputs.includes(head.graphOutput));
    return pruned({ ...graph, nodes: [...nodes, identity] });
  }
  const rename = (name: string) => (name === source ? head.graphOutput : name);
  const nodes = graph.nodes
    .filter(({ outputs }) => !outputs.includes(head.graphOutput) && !outputs.some((name) => dropped.has(name)))
    .map((node) => ({ ...node, inputs: node.inputs.map(rename), outputs: node.outputs.map(rename) }));
  return pruned({ ...graph, nodes });
}

/** Walks from the output up to the head; without Softmax and the like, the graph ends in `source`. */
function withoutNormalizing(graph: Graph, head: Head): { source: string; dropped: Set<string> } {
  const view = new GraphView(graph);
  const path: Node[] = [];
  for (let name = head.graphOutput; name !== head.output; name = path.at(-1)!.inputs[0]) {
    const node = view.producer(name);
    if (!node) {
      throw new ThawError(
        'bad-model',
        `no single path leads from "${head.nodes[0]}" to the output "${head.graphOutput}", so the head's scores cannot be the output`,
        'Name another head with --head',
      );
    }
    path.push(node);
  }
  path.reverse();
  const last = path.findLastIndex(({ op }) => NORMALIZING.has(op));
  if (last < 0) return { source: head.graphOutput, dropped: new Set() };
  const after = path.slice(last + 1);
  if (after.some((node) => node.op !== 'Identity' && !isQuantize(node) && !isDequantize(node))) {
    throw new ThawError(
      'bad-model',
      `the output's ${path[last].op} is followed by ${after.map(({ op }) => op).join(', ')}, so its input cannot be the output`,
      'Export the model without it',
    );
  }
  return { source: path[last].inputs[0], dropped: new Set(after.flatMap(({ outputs }) => outputs)) };
}

/** Sets the new number of classes in the constants of Reshape after the head and in declared shapes. */
function resized(graph: Graph, head: Head, classes: number): Graph {
  const initializers = new Map(graph.initializers);
  const start = graph.nodes.find((node) => labelOf(node) === head.nodes.at(-1))?.outputs ?? [head.output];
  const after = reachedFrom(graph.nodes, start);
  const view = new GraphView(graph);
  const nodes = graph.nodes.map((node): Node => {
    const target = node.op === 'Reshape' && after.has(node.inputs[0]) ? view.constant(node.inputs[1]) : undefined;
    if (!target || !numbersOf(target).includes(head.classes)) return node;
    const name = `${node.inputs[1]}/${classes}_classes`;
    const sizes = numbersOf(target).map((size) => (size === head.classes ? classes : size));
    initializers.set(name, { ...target, data: arrayFrom('int64', sizes) });
    return { ...node, inputs: [node.inputs[0], name] };
  });
  const swap = (info: ValueInfo): ValueInfo =>
    after.has(info.name) ? { ...info, shape: info.shape?.map((d) => (d === head.classes ? classes : d)) } : info;
  const changed = reachedFrom(graph.nodes, head.bias === undefined ? [head.weight] : [head.weight, head.bias]);
  return {
    ...pruned({ ...graph, nodes, initializers }),
    outputs: graph.outputs.map(swap),
    inputs: graph.inputs.filter(({ name }) => name !== head.weight && name !== head.bias),
    valueInfo: graph.valueInfo.filter(({ name }) => !changed.has(name)),
  };
}
