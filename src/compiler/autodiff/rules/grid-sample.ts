import {
  type GraphBuilder,
  isStatic,
  product,
  type Shape,
  staticSize,
  tensor,
  type Value,
} from '../../../onnx/index.ts';
import type { Rule, RuleContext, Rules } from '../rule.ts';

/** Positions along one axis of `size` elements; an integer is exactly on an element. */
export interface Positions {
  readonly at: Value;
  readonly size: number;
}

export const clamp = (b: GraphBuilder, { at, size }: Positions): Value => b.min(b.max(at, 0), size - 1);

export interface Sampling {
  readonly align: boolean;
  readonly padding: 'zeros' | 'border' | 'reflection';
}

/** From a grid's −1 … 1 to positions. */
const spreadOut = (b: GraphBuilder, grid: Value, size: number, { align }: Sampling): Value =>
  b.add(b.mul(b.add(grid, 1), (align ? size - 1 : size) / 2), align ? 0 : -0.5);

/** Moves positions outside back inside, as the padding mode says. */
function padded(b: GraphBuilder, { at, size }: Positions, { align, padding }: Sampling): Positions {
  if (padding === 'border') return { at: clamp(b, { at, size }), size };
  if (padding !== 'reflection') return { at, size };
  if (size === 1) return { at: b.mul(at, 0), size };
  const spread = align ? size - 1 : size;
  const low = align ? 0 : -0.5;
  const distance = b.abs(b.sub(at, low));
  const turns = b.unary('Floor', b.div(distance, spread));
  const rest = b.sub(distance, b.mul(turns, spread));
  // After an odd number of reflections, positions run backwards.
  const isOdd = b.sub(turns, b.mul(b.unary('Floor', b.mul(turns, 0.5)), 2));
  const reflected = b.add(b.add(rest, low), b.mul(isOdd, b.sub(spread, b.mul(rest, 2))));
  return { at: clamp(b, { at: reflected, size }), size };
}

/** 1 where a position is inside, else 0. */
export const inside = (b: GraphBuilder, { at, size }: Positions): Value =>
  b.cast(b.and(b.greaterOrEqual(at, 0), b.lessOrEqual(at, size - 1)), at.type);

/** An integer position next to a sampled one, and its weight, which is 1 by default. */
export interface Tap extends Positions {
  readonly weight?: Value;
}

/** Keys' cubic convolution with a = −0.75 ("Cubic convolution interpolation", 1981), up to 1 away and from 1 to 2 away. */
const CUBIC = [
  [1.25, -2.25, 0, 1],
  [-0.75, 3.75, -6, 3],
];

/** A polynomial by Horner's scheme, from the coefficient of the highest power down. */
const polynomial = (b: GraphBuilder, x: Value, [first, ...rest]: readonly number[]): Value =>
  rest.reduce<Value>((value, c) => b.add(b.mul(value, x), c), b.full(first, x));

/** The integer positions that a sampled one is interpolated from. */
export function taps(b: GraphBuilder, positions: Positions, mode: string, sampling: Sampling): readonly Tap[] {
  const { at, size } = positions;
  if (mode === 'nearest') return [{ at: b.unary('Round', padded(b, positions, sampling).at), size }];
  if (mode === 'cubic' || mode === 'bicubic') {
    const lower = b.unary('Floor', at);
    const share = b.sub(at, lower);
    const distances = [b.add(share, 1), share, b.sub(1, share), b.sub(2, share)];
    return distances.map((distance, i) => ({
      at: b.unary('Round', padded(b, { at: b.add(lower, i - 1), size }, sampling).at),
      size,
      weight: polynomial(b, distance, CUBIC[i === 0 || i === 3 ? 1 : 0]),
    }));
  }
  const within = padded(b, positions, sampling).at;
  const lower = b.unary('Floor', within);
  const share = b.sub(within, lower);
  return [
    { at: lower, size, weight: b.sub(1, share) },
    { at: b.add(lower, 1), size, weight: share },
  ];
}

/** Every choice of one element of each list. */
const combinations = <T>(lists: readonly (readonly T[])[]): T[][] =>
  lists.reduce<T[][]>((chosen, list) => chosen.flatMap((before) => list.map((next) => [...before, next])), [[]]);

/**
 * Σ over the neighbours of each position: weight·pixel.
 *
 * @param pixels `[…, channels, elements]`, all spatial axes flattened
 * @param along taps for each axis, `[…, 1, samples]`
 * @returns `[…, channels, samples]`
 */
export function interpolated(
  b: GraphBuilder,
  pixels: Value,
  along: readonly (readonly Tap[])[],
  padding: Sampling['padding'],
): Value {
  const terms = combinations(along).map((neighbour) => {
    const index = neighbour
      .map((tap) => clamp(b, tap))
      .reduce((all, at, i) => b.add(b.mul(all, neighbour[i].size), at));
    const channels = staticSize(pixels, -2);
    const shape = [...index.shape.slice(0, -2), channels, ...index.shape.slice(-1)];
    const repeats = b.ints(shape.map((_, i) => (i === shape.length - 2 ? channels : 1)));
    const [everywhere] = b.emit('Expand', [b.cast(index, 'int64'), repeats], [{ type: 'int64', shape }]);
    const weights = [
      ...neighbour.flatMap(({ weight }) => weight ?? []),
      ...(padding === 'zeros' ? neighbour.map((tap) => inside(b, tap)) : []),
    ];
    return weights.reduce((value, weight) => b.mul(value, weight), b.gatherElements(pixels, everywhere, -1));
  });
  return b.sum(terms);
}

// Positions and weights are functions of the grid, whose last axis lists the axes of x from the last to the first.
const sample: Rule = ({ b, inputs: [input], attributes, refuse, composed }: RuleContext) => {
  const { mode = 'linear', align_corners = 0, padding_mode: padding = 'zeros' } = attributes;
  const sampling: Sampling = { align: Boolean(align_corners), padding };
  const image = input.shape.slice(1);
  if (!isStatic(image)) return refuse('its input has no fixed size');
  const [channels, ...sizes] = image;
  return composed(([x, grid]) => {
    const samples = grid.shape.slice(1, -1);
    const count = product(samples);
    const pixels = b.reshape(x, [x.shape[0], channels, product(sizes)]);
    const along = sizes.map((size, i) => {
      const column = sizes.length - 1 - i;
      const at = b.reshape(b.slice(grid, -1, column, column + 1), [grid.shape[0], 1, count]);
      return taps(b, { at: spreadOut(b, at, size, sampling), size }, mode, sampling);
    });
    return [b.reshape(interpolated(b, pixels, along, padding), [x.shape[0], channels, ...samples])];
  });
};

export const gridSample: Rules = { GridSample: sample };

/** A grid of base coordinates in −1 … 1, the image's last axis first, followed by a 1: `[elements, axes + 1]`. */
function baseCoordinates(sizes: readonly number[], align: boolean): Float32Array {
  const coordinate = (i: number, size: number) => {
    if (align) return size === 1 ? 0 : (2 * i) / (size - 1) - 1;
    return (2 * i + 1) / size - 1;
  };
  const elements = sizes.reduce((all, d) => all * d, 1);
  const rows = Array.from({ length: elements }, (_, element) => {
    let rest = element;
    const row = [...sizes].reverse().map((size) => {
      const i = rest % size;
      rest = Math.floor(rest / size);
      return coordinate(i, size);
    });
    return [...row, 1];
  });
  return Float32Array.from(rows.flat());
}

export const affineGrid: Rules = {
  // grid = base·θᵀ        ∂θ = ∂gridᵀ·base
  AffineGrid: ({ b, inputs: [theta], outputs: [grid], dy: [dy], attributes: { align_corners = 0 }, refuse }) => [
    () => {
      const sizes: Shape = grid.shape.slice(1, -1);
      if (!isStatic(sizes)) return refuse('its size is not fixed');
      const [axes, elements] = [sizes.length, product(sizes)];
      const base = tensor('float32', [elements, axes + 1], baseCoordinates(sizes, Boolean(align_corners)));
      const flat = b.reshape(dy, [grid.shape[0], elements, axes]);
      const columns = b.cast(b.constant(base, 'base'), theta.type);
      return b.fusedMatMul(flat, b.expand(b.unsqueeze(columns, [0]), [1, elements, axes + 1]), { transA: true });
    },
  ],
};
