import { ThawError } from '../../errors.ts';
import {
  arrayFrom,
  dequantized,
  elementCount,
  type Graph,
  isDequantize,
  isFloat,
  isHalf,
  isQuantize,
  type Node,
  narrowed,
  numbersOf,
  quantized,
  quantizedWeights,
  type Tensor,
  widened,
} from '../../onnx/index.ts';
import { Random } from '../../random.ts';
import type { Head } from './head.ts';

export interface NewHead {
  /** Number of the new classes. */
  readonly classes: number;
  readonly seed: number;
  /** For each new class, the class of the old head whose weights and bias it keeps; without this, all are drawn. */
  readonly rows?: readonly (number | undefined)[];
}

/**
 * Gives a parameter of the head, and its quantization, new contents for the new classes. Rows of new classes are drawn uniformly from
 * ±1/√features. If rows are kept, the range is limited so that its root mean square is at most theirs: otherwise, a class that has
 * learned nothing yet could have higher scores than the others.
 */
export function redraw(graph: Graph, name: string, head: Head, { classes, seed, rows }: NewHead): void {
  const { initializers } = graph;
  const before = initializers.get(name)!;
  const { type } = before;
  const last = before.shape.length - 1;
  // A bias has the classes in its only dimension that is not 1; a weight's layout says where they are.
  const axis = name === head.weight ? (head.classesFirst ? 0 : last) : before.shape.lastIndexOf(head.classes);
  const shape = before.shape.map((d, i) => (i === axis ? classes : d));
  const rounding = roundingOf(graph.nodes, name);
  const kept = rows?.some((row) => row !== undefined) ? keptOf(graph, rounding, name, axis, rows) : [];
  const widest = 1 / Math.sqrt(head.features);
  const bound = kept.length ? Math.min(widest, Math.sqrt(3) * rootMeanSquare(kept)) : widest;
  const random = new Random(seed, 'head', name);
  const values = Array.from({ length: elementCount(shape) }, () => random.between(-bound, bound));
  for (const { at, value } of kept) values[at] = value;
  const drawn: Tensor = { type: 'float32', shape, data: Float32Array.from(values) };
  // Two nodes may share a scale.
  const scales = new Map(initializers);
  for (const node of rounding)
    for (const [name, scale] of rescaled(scales, node, axis, shape.length, { classes, rows }))
      initializers.set(name, scale);
  if (isHalf(type)) initializers.set(name, narrowed(drawn, type));
  else if (isFloat(type)) initializers.set(name, { type, shape, data: arrayFrom(type, values) });
  else {
    // An array of the new size, for finding its quantization.
    initializers.set(name, { type, shape, data: arrayFrom(type, new Array(values.length).fill(0)) });
    const weight = quantizedWeights({ nodes: rounding, initializers, outputs: [] }).get(name);
    if (!weight) throw inBlocks(name, type);
    initializers.set(name, quantized(drawn, weight.quantization));
  }
}

const inBlocks = (name: string, type: string) =>
  new ThawError('bad-model', `the head's "${name}" is ${type} in blocks`, 'Give the model in float32');

const unequal = (scale: string, name: string) =>
  new ThawError(
    'bad-model',
    `the head's "${scale}" and "${name}" are not a number for each class`,
    'The model is damaged, or was quantized wrongly: quantize it again',
  );

interface Kept {
  /** Index into the new contents. */
  readonly at: number;
  readonly value: number;
}

/** Every number of the rows that stay, with its new position. */
function keptOf(
  { initializers }: Graph,
  rounding: Node[],
  name: string,
  axis: number,
  rows: readonly (number | undefined)[],
): Kept[] {
  const before = initializers.get(name)!;
  const old = floatsOf(before, () => {
    const weight = quantizedWeights({ nodes: rounding, initializers, outputs: [] }).get(name);
    if (!weight) throw inBlocks(name, before.type);
    return dequantized(before, weight.quantization);
  });
  const inner = elementCount(before.shape.slice(axis + 1));
  const outer = elementCount(before.shape.slice(0, axis));
  const kept: Kept[] = [];
  for (let o = 0; o < outer; o++)
    for (const [c, row] of rows.entries())
      for (let i = 0; row !== undefined && i < inner; i++)
        kept.push({
          at: (o * rows.length + c) * inner + i,
          value: old[(o * before.shape[axis] + row) * inner + i],
        });
  return kept;
}

function floatsOf(tensor: Tensor, floats: () => Tensor): number[] {
  if (isHalf(tensor.type)) return numbersOf(widened(tensor));
  return numbersOf(isFloat(tensor.type) ? tensor : floats());
}

const rootMeanSquare = (kept: readonly Kept[]): number =>
  Math.sqrt(kept.reduce((all, { value }) => all + value * value, 0) / kept.length);

/** The nodes that quantize and dequantize a parameter. */
function roundingOf(nodes: readonly Node[], name: string): Node[] {
  const rounding = nodes.filter((node) => isQuantize(node) && node.inputs[0] === name);
  const whole = new Set([name, ...rounding.flatMap(({ outputs }) => outputs)]);
  return [...rounding, ...nodes.filter((node) => isDequantize(node) && whole.has(node.inputs[0]))];
}

/**
 * Turns scales of the old classes into scales of the new ones: the class's own if it stays, otherwise the widest, with its
 * zero point.
 */
function rescaled(
  initializers: ReadonlyMap<string, Tensor>,
  { inputs, attributes }: Node,
  axis: number,
  rank: number,
  { classes, rows }: Omit<NewHead, 'seed'>,
): [string, Tensor][] {
  const scale = initializers.get(inputs[1]);
  const along = Number(attributes.axis?.value ?? 1);
  if (scale?.shape.length !== 1 || scale.shape[0] < 2 || (along < 0 ? along + rank : along) !== axis) return [];
  const scales = numbersOf(isHalf(scale.type) ? widened(scale) : scale);
  const widest = scales.indexOf(Math.max(...scales));
  return inputs.slice(1).flatMap((name): [string, Tensor][] => {
    const { type, data } = initializers.get(name) ?? {};
    if (!type || !data) return [];
    if (data.length !== scales.length || widest < 0) throw unequal(inputs[1], name);
    const old = data as Float32Array;
    const next = new (old.constructor as Float32ArrayConstructor)(classes).map((_, c) => old[rows?.[c] ?? widest]);
    return [[name, { type, shape: [classes], data: next }]];
  });
}
