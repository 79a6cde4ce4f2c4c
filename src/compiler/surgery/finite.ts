/** Finds weights that are not finite numbers: a training that exploded, or an export in float16 that overflowed. */
import { ThawError } from '../../errors.ts';
import {
  elementCount,
  type Graph,
  GraphView,
  isFloat,
  isHalf,
  type Model,
  piecesOf,
  type Tensor,
} from '../../onnx/index.ts';
import { own } from '../../own.ts';
import { behind } from './head.ts';
import { hoistConstants, ROLES } from './parameters.ts';

/** Values of a tensor that are not finite. */
interface Spoiled {
  readonly name: string;
  readonly nan: number;
  readonly infinite: number;
  readonly of: number;
}

/**
 * Refuses a model with NaN in a float tensor of several elements, or with infinities in the weights of a layer. Masks of attention contain
 * infinities, but are not operands of layers.
 *
 * @throws ThawError `bad-model` with the parameter and the count
 */
export function checkWeights(model: Model): void {
  const graph = hoistConstants(model.graph);
  const weights = layerWeights(graph);
  const found = [...graph.initializers].flatMap(([name, tensor]): Spoiled[] => {
    if (!isFloat(tensor.type) || elementCount(tensor.shape) < 2) return [];
    const { nan, infinite } = countIn(tensor);
    return nan > 0 || (infinite > 0 && weights.has(name))
      ? [{ name, nan, infinite, of: elementCount(tensor.shape) }]
      : [];
  });
  if (found.length === 0) return;
  const [{ name, nan, infinite, of }] = found;
  const counts = [...(nan > 0 ? [`${nan} NaN`] : []), ...(infinite > 0 ? [`${infinite} infinite`] : [])];
  const others = found.length - 1;
  const more = others > 0 ? ` (${others === 1 ? '1 other parameter is' : `${others} others are`} no better)` : '';
  throw new ThawError(
    'bad-model',
    `the model's parameter "${name}" has ${counts.join(' and ')} among its ${of} values${more}`,
    nan > 0
      ? 'Export it again from an earlier checkpoint: its training has exploded'
      : 'Export it again in float32, or from an earlier checkpoint',
  );
}

/** Initializers that are operands of layers. */
function layerWeights(graph: Graph): ReadonlySet<string> {
  const view = new GraphView(graph);
  const names = graph.nodes.flatMap((node) => {
    const roles = own(ROLES, node.op) ?? [];
    return node.inputs.flatMap((input, i) => (roles[i] ? (behind(view, input)?.name ?? []) : []));
  });
  return new Set(names);
}

interface Counts {
  nan: number;
  infinite: number;
}

/** The bits of the exponent. All of them are set in NaN and in infinities, and an infinity has no others but the sign. */
const EXPONENTS: Readonly<Record<string, number>> = { float32: 0x7f800000, float16: 0x7c00, bfloat16: 0x7f80 };

function countIn(tensor: Tensor): Counts {
  const counts = { nan: 0, infinite: 0 };
  const exponent = EXPONENTS[tensor.type];
  for (const piece of piecesOf(tensor)) {
    if (tensor.type === 'float64') countDoubles(aligned(piece, Float64Array), counts);
    else if (isHalf(tensor.type)) countHalves(aligned(piece, Uint16Array), exponent, counts);
    else countFloats(aligned(piece, Uint32Array), exponent, counts);
  }
  return counts;
}

// One loop for each type of array, so that all are fast.

function countFloats(bits: Uint32Array, exponent: number, counts: Counts): void {
  for (let i = 0; i < bits.length; i++)
    if ((bits[i] & exponent) === exponent) count((bits[i] & 0x7fffffff) !== exponent, counts);
}

function countHalves(bits: Uint16Array, exponent: number, counts: Counts): void {
  for (let i = 0; i < bits.length; i++)
    if ((bits[i] & exponent) === exponent) count((bits[i] & 0x7fff) !== exponent, counts);
}

function countDoubles(values: Float64Array, counts: Counts): void {
  for (let i = 0; i < values.length; i++) if (!Number.isFinite(values[i])) count(Number.isNaN(values[i]), counts);
}

function count(hasFraction: boolean, counts: Counts): void {
  if (hasFraction) counts.nan++;
  else counts.infinite++;
}

type Kind<T> = { new (buffer: ArrayBufferLike, offset: number, length: number): T; readonly BYTES_PER_ELEMENT: number };

/** The bytes as numbers, copied if they do not begin at a multiple of the size of one. */
function aligned<T>(bytes: Uint8Array, Kind: Kind<T>): T {
  const { buffer, byteOffset } = bytes.byteOffset % Kind.BYTES_PER_ELEMENT === 0 ? bytes : new Uint8Array(bytes);
  return new Kind(buffer, byteOffset, bytes.length / Kind.BYTES_PER_ELEMENT);
}
