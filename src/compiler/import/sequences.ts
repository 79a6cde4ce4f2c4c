import {
  axis as axisAt,
  labelOf,
  type Model,
  makeNode,
  type Node,
  numbersOf,
  plainAttributes,
  Rewriter,
  readsOf,
  tensor,
} from '../../onnx/index.ts';
import type { KnownValues } from './loops.ts';

/** A split into more parts than this is kept. */
const MOST_PARTS = 1024;

/**
 * Replaces sequences whose members are known at compile time by tensors, so that gradients can pass: `SplitToSequence`
 * becomes `Split`, `ConcatFromSequence` becomes `Concat`, and `SequenceAt` becomes the member itself. Sequences in subgraphs stay.
 *
 * @returns the same model if it has no such sequence
 */
export function writeSequences(model: Model, known: KnownValues): Model {
  const { graph } = model;
  const rewriter = new Rewriter(graph);
  /** The tensors in each sequence. */
  const members = new Map<string, readonly string[]>();
  const contents = (name = '') => rewriter.initializers.get(name) ?? known.constants.get(name);
  const numbers = (name: string | undefined): number[] | undefined => {
    const found = contents(name);
    return found && numbersOf(found);
  };
  const emit = (label: string, op: string, inputs: readonly string[], to: string, attributes = {}): string =>
    rewriter.emit(op, inputs, to, attributes, { name: `${label}/${to}` });
  const integers = (label: string, ...values: readonly number[]): string => rewriter.ints(`${label}/constant`, values);

  const split = (node: Node, label: string): readonly string[] | undefined => {
    const [input, sizes] = node.inputs;
    const { axis = 0, keepdims = 1 } = plainAttributes(node);
    const shape = known.values.get(input)?.shape;
    const at = shape && axisAt(axis, shape.length);
    const size = at === undefined ? undefined : shape?.[at];
    const given = sizes ? numbers(sizes) : [1];
    if (typeof size !== 'number' || !given || at === undefined) return undefined;
    const isOfEqual = !sizes || contents(sizes)?.shape.length === 0;
    const [each] = given;
    if (!given.every((part) => part >= 1)) return undefined;
    const parts = isOfEqual
      ? Array.from({ length: Math.ceil(size / each) }, (_, i) => Math.min(each, size - i * each))
      : given;
    if (!(parts.length >= 1 && parts.length <= MOST_PARTS)) return undefined;
    const outputs = parts.map(() => rewriter.fresh(`${label}/part`));
    const inputs = [input, integers(label, ...parts)];
    rewriter.nodes.push(makeNode('Split', inputs, outputs, { axis: at }, { name: `${label}/${outputs[0]}` }));
    // Without sizes, the axis that was split can go.
    if (sizes || keepdims !== 0) return outputs;
    const axes = integers(label, at);
    return outputs.map((part) => emit(label, 'Squeeze', [part, axes], rewriter.fresh(`${label}/member`)));
  };

  const place = (name: string | undefined, length: number): number | undefined => {
    const at = name ? numbers(name)?.[0] : length;
    return at === undefined || !name ? at : at < 0 ? at + length : at;
  };

  /** The members of the sequence that a node builds, if they are known. */
  const made = (node: Node, label: string): readonly string[] | undefined => {
    const [first, second, third] = node.inputs;
    const before = members.get(first);
    switch (node.op) {
      case 'SequenceEmpty':
        return [];
      case 'SequenceConstruct':
        return node.inputs;
      case 'SplitToSequence':
        return split(node, label);
      case 'Identity':
        return before;
      case 'SequenceInsert': {
        const at = before && place(third, before.length);
        return before && at !== undefined ? before.toSpliced(at, 0, second) : undefined;
      }
      case 'SequenceErase': {
        const at = before && (second ? place(second, before.length) : before.length - 1);
        return before && at !== undefined ? before.toSpliced(at, 1) : undefined;
      }
      default:
        return undefined;
    }
  };

  /** Writes a node that computes a tensor from a sequence. @returns whether it could */
  const writeTensor = (node: Node, label: string): boolean => {
    const [sequence, position] = node.inputs;
    const [to] = node.outputs;
    const all = members.get(sequence);
    if (!all) return false;
    if (node.op === 'SequenceLength') {
      rewriter.initializers.set(to, tensor('int64', [], BigInt64Array.of(BigInt(all.length))));
      return true;
    }
    if (node.op === 'SequenceAt') {
      const at = place(position, all.length);
      if (at === undefined || !all[at]) return false;
      emit(label, 'Identity', [all[at]], to);
      return true;
    }
    if (node.op !== 'ConcatFromSequence' || !all.length) return false;
    const { axis = 0, new_axis = 0 } = plainAttributes(node);
    const axes = new_axis ? integers(label, axis) : undefined;
    const parts = axes
      ? all.map((part) => emit(label, 'Unsqueeze', [part, axes], rewriter.fresh(`${label}/member`)))
      : all;
    emit(label, 'Concat', parts, to, { axis });
    return true;
  };

  let written = false;
  for (const node of graph.nodes) {
    const label = labelOf(node);
    const isStandard = node.domain === '';
    const isTensor = isStandard && writeTensor(node, label);
    written ||= isTensor;
    if (isTensor) continue;
    const sequence = isStandard ? made(node, label) : undefined;
    if (sequence) members.set(node.outputs[0], sequence);
    rewriter.nodes.push(node);
  }
  return written
    ? { ...model, graph: { ...rewriter.graph, nodes: withoutUnread(rewriter.nodes, members, graph.outputs) } }
    : model;
}

/** The nodes without those that build sequences, or parts of sequences, that no node reads. */
function withoutUnread(
  nodes: readonly Node[],
  sequences: ReadonlyMap<string, unknown>,
  outputs: readonly { readonly name: string }[],
): Node[] {
  const read = new Set(outputs.map(({ name }) => name));
  const kept: Node[] = [];
  for (const node of [...nodes].reverse()) {
    if (sequences.has(node.outputs[0]) && !node.outputs.some((name) => read.has(name))) continue;
    kept.push(node);
    for (const name of readsOf(node)) read.add(name);
  }
  return kept.reverse();
}
