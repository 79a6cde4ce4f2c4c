/**
 * Scores of classes, `[N, C]`, `[N, C, d…]` or `[N, d…, C]`. Each combination of the other indices is a place with a label: a sample, a
 * pixel or a token.
 */
import { ThawError } from '../../errors.ts';
import { elementCount, type GraphBuilder, isStatic, type Shape, tensor, type Value } from '../../onnx/index.ts';
import type { Loss, LossOptions } from './loss.ts';

interface Layout {
  /** The output's shape; without the last axes of `[N, C, 1, …]`. */
  readonly shape: Shape;
  readonly axis: number;
  readonly classes: number;
  readonly places: Shape;
}

const text = (shape: Shape) => `[${shape.join(', ')}]`;
const without = (shape: Shape, axis: number): Shape => shape.filter((_, i) => i !== axis);

/** @throws ThawError `bad-config` if the output has no classes, one class, or more than one axis that may hold them */
export function layoutOf({ name, shape }: Pick<Value, 'name' | 'shape'>, { axis }: Pick<LossOptions, 'axis'>): Layout {
  const refuse = (problem: string, hint: string) => new ThawError('bad-config', problem, hint);
  const output = `the output "${name}" is ${text(shape)}`;
  const at = axis === undefined ? undefined : axis < 0 ? axis + shape.length : axis;
  if (shape.length < 2) {
    throw refuse(`the loss takes a score for each class, [N, C], and ${output}`, 'Use another loss, such as mse');
  }
  if (at !== undefined && (at < 1 || at >= shape.length)) {
    throw refuse(
      `the loss reads classes from axis ${axis}, and ${output}`,
      'Set axis of the loss to 1 for [N, C, …], or to -1 for [N, …, C]',
    );
  }
  const rest = shape.slice(2);
  const isRow = at === undefined && isStatic(rest) && elementCount(rest) === 1;
  const found = isRow ? 1 : (at ?? onlyAxis(shape, output));
  const classes = shape[found];
  if (typeof classes !== 'number') {
    throw refuse(
      `the loss reads classes from axis ${found}, which has no fixed length: ${output}`,
      'Set axis of the loss to that of the classes',
    );
  }
  if (classes < 2) {
    throw refuse(
      `the loss compares classes, and there is only one: ${output}`,
      'Its loss would always be 0. Use bce-with-logits for one score, or a head with two classes or more',
    );
  }
  const own = isRow ? shape.slice(0, 2) : shape;
  return { shape: own, axis: found, classes, places: without(own, found) };
}

/**
 * The second or the last axis, if only one of them can hold the classes: the number of classes is fixed, that of pixels or tokens may vary.
 */
function onlyAxis(shape: Shape, output: string): number {
  const last = shape.length - 1;
  const fixed = [1, last].filter((axis) => typeof shape[axis] === 'number');
  if (fixed.length === 1) return fixed[0];
  const choice = (axis: number, layout: string, value: number) =>
    `${value} for ${layout} (${shape[axis]} classes, labels ${text(without(shape, axis))})`;
  throw new ThawError(
    'bad-config',
    `the loss may read classes from axis 1 or from the last one: ${output}`,
    `Set axis of the loss, such as --loss '{"name": "cross-entropy", "axis": 1}': ${choice(1, '[N, C, …]', 1)}, ${choice(last, '[N, …, C]', -1)}`,
  );
}

/** The output in its layout, and the layout. */
export function classScores(b: GraphBuilder, output: Value, options: LossOptions): Layout & { readonly scores: Value } {
  const layout = layoutOf(output, options);
  return { ...layout, scores: b.reshape(output, layout.shape) };
}

export const placesOf: NonNullable<Loss['mask']> = (output, options) => layoutOf(output, options).places;

/**
 * One number for each class, in a shape that broadcasts along the class axis. @throws ThawError `bad-config` if the number of classes
 * differs
 */
export function perClass(
  b: GraphBuilder,
  values: readonly number[],
  shape: Shape,
  axis: number = shape.length - 1,
): Value {
  if (shape[axis] !== values.length) {
    throw new ThawError(
      'bad-config',
      `the loss has weights for ${values.length} classes, and the output ${text(shape)} has ${shape[axis]}`,
      'Give one weight for each class, in the order of the outputs',
    );
  }
  const seen = [values.length, ...shape.slice(axis + 1).map(() => 1)];
  return b.constant(tensor('float32', seen, Float32Array.from(values)), 'weights');
}

/** PyTorch's `ignore_index`. */
const IGNORED = -100;

/** int64 labels as one-hot vectors along the class axis. Places that do not count have zeros only. */
export interface Labelled {
  readonly hot: Value;
  /** By place: 1 if it counts, 0 if its label is the ignored one. */
  readonly counts: Value;
  /** By place: 1 if its label is a class or ignored, or if it is masked; else 0. A division by it makes the loss NaN. */
  readonly known: Value;
}

/** Compared one by one: the operator `OneHot` would count a negative label from the last class. */
function oneHot(b: GraphBuilder, labels: Value, axis: number, classes: number): Value {
  const seen = [classes, ...labels.shape.slice(axis).map(() => 1)];
  const each = b.constant(
    tensor(
      'int64',
      seen,
      BigInt64Array.from({ length: classes }, (_, c) => BigInt(c)),
    ),
    'classes',
  );
  return b.cast(b.equal(b.unsqueeze(labels, [axis]), each), 'float32');
}

export function labelled(
  b: GraphBuilder,
  labels: Value,
  { axis, classes }: Layout,
  ignoreLabel: number = IGNORED,
  mask?: Value,
): Labelled {
  const isIgnored = b.equal(labels, ignoreLabel);
  const ignored = b.cast(mask ? b.or(isIgnored, b.equal(mask, 0)) : isIgnored, 'float32');
  const all = oneHot(b, labels, axis, classes);
  const isClass = ignoreLabel >= 0 && ignoreLabel < classes;
  const hot = isClass ? b.mul(all, b.unsqueeze(b.sub(1, ignored), [axis])) : all;
  const counts = b.reduceSum(hot, [axis]);
  return { hot, counts, known: b.add(counts, ignored) };
}

/** Replaces a sum of 0, to avoid a division by 0. */
const LEAST = 1e-30;

/** Σ m·x / Σ m·w by place: the weighted mean, or 0 if no place counts. */
export function meanOf(b: GraphBuilder, values: Value, weights: Value | undefined, mask: Value | undefined): Value {
  const masked = (x: Value) => (mask ? b.mul(x, mask) : x);
  const total = weights ? masked(weights) : mask;
  if (!total) return b.reduceMean(values);
  return b.div(b.reduceSum(masked(values)), b.max(b.reduceSum(total), LEAST));
}
