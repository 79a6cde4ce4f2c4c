import { elementCount, isFloat, numbersOf, tensor } from './data-types.ts';
import { isHalf, widened } from './half.ts';
import type { Graph, Node } from './model.ts';
import { subgraphs } from './subgraphs.ts';
import type { DataType, Tensor } from './tensor.ts';

/** How a tensor's integers represent floats: q means (q − zero point)·scale. */
export interface Quantization {
  readonly type: QuantizedType;
  /** One in total, or one for each slice along the axis. */
  readonly scale: readonly number[];
  readonly zero: readonly number[];
  readonly axis: number;
}

const RANGES = {
  int8: [-128, 127],
  uint8: [0, 255],
  int16: [-32768, 32767],
  uint16: [0, 65535],
  int32: [-(2 ** 31), 2 ** 31 - 1],
} as const;
const ARRAYS = {
  int8: Int8Array,
  uint8: Uint8Array,
  int16: Int16Array,
  uint16: Uint16Array,
  int32: Int32Array,
} as const;

export type QuantizedType = keyof typeof RANGES;

const isQuantizedType = (type: DataType): type is QuantizedType => Object.hasOwn(RANGES, type);

/** A weight stored as integers, and the nodes that dequantize it. */
export interface QuantizedWeight {
  readonly quantization: Quantization;
  readonly nodes: readonly Node[];
}

export const isQuantize = ({ op, domain }: Node): boolean => op === 'QuantizeLinear' && isStandard(domain);
export const isDequantize = ({ op, domain }: Node): boolean => op === 'DequantizeLinear' && isStandard(domain);

/** Whether a graph rounds values while it runs: it has `QuantizeLinear`, as models in the QDQ format do. */
export const roundsValues = ({ nodes }: Pick<Graph, 'nodes'>): boolean =>
  nodes.some((node) => isQuantize(node) || subgraphs(node).some(roundsValues));

const isStandard = (domain: string) => domain === '' || domain === 'com.microsoft';

/**
 * The initializers that only `DequantizeLinear` reads, and their quantization. Initializers in subgraphs, with scales for blocks,
 * or with fewer than 8 bits are not included.
 */
export function quantizedWeights(
  graph: Pick<Graph, 'nodes' | 'initializers' | 'outputs'>,
): Map<string, QuantizedWeight> {
  const weights = new Map<string, QuantizedWeight & { readonly nodes: Node[] }>();
  const others = new Set(graph.outputs.map(({ name }) => name));
  // Nodes that dequantize one weight in the same way have the same scale and zero point names.
  const said = new Map<string, Quantization | undefined>();
  for (const node of graph.nodes) {
    const [name] = node.inputs;
    const before = weights.get(name);
    const key = isDequantize(node) ? JSON.stringify([node.inputs, String(node.attributes.axis?.value)]) : undefined;
    if (key !== undefined && !said.has(key)) said.set(key, quantizationOf(graph, node));
    const quantization = key === undefined ? undefined : said.get(key);
    if (quantization && !before) weights.set(name, { quantization, nodes: [node] });
    else if (quantization && before && sameQuantization(before.quantization, quantization)) before.nodes.push(node);
    else others.add(name);
    for (const read of node.inputs.slice(1)) others.add(read);
  }
  for (const name of others) weights.delete(name);
  return weights;
}

function quantizationOf(
  { initializers }: Pick<Graph, 'initializers'>,
  { inputs, attributes }: Node,
): Quantization | undefined {
  const [contents, scale, zero] = inputs.map((name) => initializers.get(name));
  if (!contents || !scale || !isFloat(scale.type) || !isQuantizedType(contents.type)) return undefined;
  if (inputs[2] && !(zero && isQuantizedType(zero.type))) return undefined;
  const rank = contents.shape.length;
  const along = Number(attributes.axis?.value ?? 1);
  const axis = along < 0 ? along + rank : along;
  const count = elementCount(scale.shape);
  if (count !== 1 && (scale.shape.length !== 1 || contents.shape[axis] !== count)) return undefined;
  const scales = numbersOf(isHalf(scale.type) ? widened(scale) : scale);
  const zeros = zero ? numbersOf(zero) : [0];
  return { type: contents.type, scale: scales, zero: scales.map((_, i) => zeros[i] ?? zeros[0]), axis };
}

const sameQuantization = (a: Quantization, b: Quantization): boolean =>
  a === b ||
  (a.scale.join() === b.scale.join() && a.zero.join() === b.zero.join() && (a.scale.length === 1 || a.axis === b.axis));

/** For each element of a tensor, the position of its scale. */
function placeOf({ scale, axis }: Quantization, shape: readonly number[]): (i: number) => number {
  if (scale.length === 1) return () => 0;
  const inner = elementCount(shape.slice(axis + 1));
  return (i) => Math.floor(i / inner) % scale.length;
}

/** The float32 values of a quantized tensor, computed like `DequantizeLinear`. */
export function dequantized({ shape, data }: Tensor, quantization: Quantization): Tensor {
  const { scale, zero } = quantization;
  const place = placeOf(quantization, shape);
  const whole = data as Int8Array;
  const floats = Float32Array.from(whole, (q, i) => Math.fround(q - zero[place(i)]) * scale[place(i)]);
  return tensor('float32', shape, floats);
}

/** A float32 tensor rounded to the nearest integers, ties to even, and clipped to the type's range, computed like `QuantizeLinear`. */
export function quantized({ shape, data }: Tensor, quantization: Quantization): Tensor {
  const { type, scale, zero } = quantization;
  const [least, greatest] = RANGES[type];
  const place = placeOf(quantization, shape);
  const whole = new ARRAYS[type](data.length);
  (data as Float32Array).forEach((x, i) => {
    const rounded = roundToEven(Math.fround(x / scale[place(i)])) + zero[place(i)];
    whole[i] = Math.min(Math.max(rounded, least), greatest);
  });
  return tensor(type, shape, whole);
}

function roundToEven(x: number): number {
  const low = Math.floor(x);
  const rest = x - low;
  return rest > 0.5 || (rest === 0.5 && low % 2 !== 0) ? low + 1 : low;
}
