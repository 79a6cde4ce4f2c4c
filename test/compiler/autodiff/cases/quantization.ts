import type { AttributeLike } from '../../../../src/onnx/attributes.ts';
import { type DataType, type Node, toAttributes } from '../../../../src/onnx/index.ts';
import type { Forward } from '../check.ts';
import { constant, exactly, f32, fed, type Input, ints } from '../inputs.ts';

/** x of `shape`, quantized to `type` and dequantized to float. */
export interface StraightThrough {
  readonly type: DataType;
  readonly shape: Input['shape'];
  /** One scale for the tensor, or one for each slice along the axis. */
  readonly scale: readonly number[];
  readonly zero?: readonly number[];
  /** The scale of the dequantization, if it differs. */
  readonly scaleBack?: readonly number[];
  readonly axis?: number;
  readonly domain?: string;
}

/**
 * Values range from −1.7 to 1.7. The scales and zero points clip some of them, and no value lies on a clipping bound.
 * int8 holds −128 … 127: with scale 0.01 and no zero point, the range is −1.28 … 1.27.
 */
export const quantization: readonly StraightThrough[] = [
  { type: 'int8', shape: ['batch', 5], scale: [0.01] },
  { type: 'int8', shape: ['batch', 5], scale: [0.0151], zero: [40] },
  { type: 'uint8', shape: ['batch', 2, 3], scale: [0.0101] },
  { type: 'uint8', shape: ['batch', 2, 3], scale: [0.0083], zero: [97] },
  { type: 'uint8', shape: [4, 3], scale: [0.02], zero: [128], scaleBack: [0.7] },
  { type: 'int8', shape: ['batch', 3, 4], scale: [0.004, 0.0093, 0.02] },
  { type: 'int8', shape: ['batch', 3, 4], scale: [0.011, 0.0093, 0.012], zero: [-60, 3, 50], axis: -2 },
  { type: 'int8', shape: [2, 5, 3], scale: [0.0071, 0.0113], axis: 0, scaleBack: [1.3, 0.4] },
  { type: 'uint8', shape: [5, 3], scale: [0.0071, 0.0113, 0.006], zero: [7, 120, 200], axis: 1 },
  { type: 'int16', shape: ['batch', 5], scale: [0.00003] },
  { type: 'uint16', shape: [6, 3], scale: [0.00004, 0.00003, 0.00002], zero: [30000, 5, 65535] },
  { type: 'int8', shape: [4, 3], scale: [0.01], zero: [9], domain: 'com.microsoft' },
  { type: 'uint16', shape: ['batch', 2, 2], scale: [0.00004, 0.00003], zero: [30000, 5], domain: 'com.microsoft' },
];

const LIMITS: Readonly<Partial<Record<DataType, readonly [number, number]>>> = {
  int8: [-128, 127],
  uint8: [0, 255],
  int16: [-32768, 32767],
  uint16: [0, 65535],
};

const node = (op: string, inputs: string, output: string, attributes: Record<string, AttributeLike> = {}): Node => ({
  name: op,
  op,
  domain: '',
  inputs: inputs.split(' '),
  outputs: [output],
  attributes: toAttributes(attributes),
});

/**
 * The straight-through function of the two operators, for finite differences: clip(x/s) without rounding, times the
 * dequantization scale. The bounds are those of the numbers that round into the type.
 */
export function clipped(row: StraightThrough): Forward {
  const { type, shape, scale, zero = scale.map(() => 0), scaleBack = scale, axis, domain = '' } = row;
  const along = (axis ?? 1) < 0 ? (axis ?? 1) + shape.length : (axis ?? 1);
  const single = scale.length === 1;
  const spread = shape.map((_, i) => (single || i !== along ? 1 : scale.length));
  const [least, greatest] = LIMITS[type]!;
  const each = (values: readonly number[]) => constant(exactly(values, ...spread));
  const list = (values: readonly number[]) => constant(exactly(values, ...(single ? [] : [scale.length])));
  const attributes = axis === undefined ? {} : { axis };
  const given = row.zero && { ...ints(zero, single ? [] : [zero.length]), type };
  const at = (names: string) => (given ? `${names} zero` : names);
  return {
    nodes: [
      node('Div', 'x scales', 'steps'),
      node('Max', 'steps low', 'above'),
      node('Min', 'above high', 'inside'),
      node('Mul', 'inside back', 'y'),
    ],
    differentiated: [
      { ...node('QuantizeLinear', at('x scale'), 'q', attributes), domain },
      { ...node('DequantizeLinear', at('q scaleBack'), 'y', attributes), domain },
    ],
    declared: new Map([['q', { type, shape }]]),
    inputs: new Map([
      ['x', f32(...shape)],
      ['scales', each(scale)],
      ['low', each(zero.map((z) => least - z - 0.5))],
      ['high', each(zero.map((z) => greatest - z + 0.5))],
      ['back', each(scaleBack)],
      ['scale', list(scale)],
      ['scaleBack', list(scaleBack)],
      ...(given ? [['zero', given] as const] : []),
    ]),
    outputs: ['y'],
  };
}

export const titleOf = ({ type, shape, scale, zero = [], axis, domain = '' }: StraightThrough): string =>
  `${domain} ${type} [${shape}], scale ${scale}, zero point ${zero}, axis ${axis ?? 'none'}`.trim();

/** A scale that is an input, so no rule can know its value. */
export const unknownScale = (): Forward => {
  const forward = clipped({ type: 'int8', shape: [4, 3], scale: [0.01] });
  return { ...forward, inputs: new Map([...forward.inputs, ['scale', fed(constant(exactly([0.01])))]]) };
};
