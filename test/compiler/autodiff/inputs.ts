import { arrayFrom, type DataType, type Dimension, elementCount, type Tensor } from '../../../src/onnx/index.ts';
import type { Random } from '../../../src/random.ts';

/** An input of a case. If it has a symbolic dimension, that is the batch, which takes several sizes. */
export interface Input {
  readonly type: DataType;
  readonly shape: readonly Dimension[];
  readonly values: (random: Random, count: number) => number[];
  /** An initializer, known at compile time, instead of a feed. */
  readonly constant: boolean;
  readonly differentiated: boolean;
}

const data = (shape: readonly Dimension[], values: Input['values']): Input => ({
  type: 'float32',
  shape,
  values,
  constant: false,
  differentiated: true,
});

/**
 * Evenly spaced values over (low, high) in random order. No two values are close, so maxima have no ties and no kinks.
 */
const spread = (low: number, high: number) => (random: Random, count: number) =>
  random
    .shuffle(Array.from({ length: count }, (_, i) => i))
    .map((i) => low + ((high - low) * (i + random.between(0.3, 0.7))) / count);

/** Values of both signs, all at least 0.1 away from zero. */
export const f32 = (...shape: Dimension[]): Input =>
  data(shape, (random, count) => spread(-1.6, 1.6)(random, count).map((v) => (v < 0 ? v - 0.1 : v + 0.1)));

/** Values between two bounds. */
export const between = (low: number, high: number, ...shape: Dimension[]): Input => data(shape, spread(low, high));

/** The given values. */
export const exactly = (values: readonly number[], ...shape: Dimension[]): Input => data(shape, () => [...values]);

/** A feed without a gradient. */
export const frozen = (input: Input): Input => ({ ...input, differentiated: false });

/** A value that is known at compile time. */
export const constant = (input: Input): Input => ({ ...input, differentiated: false, constant: true });

/** Integers that are known at compile time: axes, pads, … A list unless a shape is given. */
export const ints = (values: readonly number[], shape: readonly number[] = [values.length]): Input => ({
  type: 'int64',
  shape,
  values: () => [...values],
  constant: true,
  differentiated: false,
});

export const bools = (values: readonly number[], ...shape: Dimension[]): Input => ({
  ...ints(values),
  type: 'bool',
  shape,
  constant: false,
});

/** A feed instead of an initializer. */
export const fed = (input: Input): Input => ({ ...input, constant: false });

/** An optional input that is omitted. */
export const omitted = undefined;

export const sizesAt = (shape: readonly Dimension[], batch: number): number[] =>
  shape.map((d) => (typeof d === 'number' ? d : batch));

export function draw(input: Input, random: Random, batch: number): Tensor {
  const shape = sizesAt(input.shape, batch);
  return { type: input.type, shape, data: arrayFrom(input.type, input.values(random, elementCount(shape))) };
}
