import { Emitter, type Value } from './emitter.ts';
import { type Dimension, divide, isStatic, product, type Shape, type Sizes, sameShape } from './shape.ts';

/** The shape of a transposed value. */
type Permuted<S extends Shape, P extends readonly number[]> = {
  readonly [I in keyof P]: P[I] extends keyof S ? S[P[I]] : Dimension;
};

/** The operators that change the shape of a value, but not its elements. */
export class ShapeBuilder extends Emitter {
  /** The shape of x at run time, int64 `[rank]`. */
  shapeOf = (x: Value): Value => this.emit('Shape', [x], [{ type: 'int64', shape: [x.shape.length] }])[0];

  /** @param like a value of the target shape, required if more than one of its dimensions is symbolic */
  reshape<const S extends Shape>(x: Value, shape: S, like?: Value): Value<Sizes<S>>;
  reshape(x: Value, shape: Shape, like?: Value): Value {
    if (sameShape(x.shape, shape)) return x;
    const known = isSingle(x.shape) && isStatic(shape) && this.tensorOf(x);
    if (known) return this.constant({ ...known, shape }, x.name);
    const target = reshapeTarget(x.shape, shape);
    if (target) return this.emit('Reshape', [x, this.ints(target)], [{ type: x.type, shape }])[0];
    if (!like) throw new Error(`Reshape: [${x.shape}] to [${shape}] needs a value of that shape`);
    return this.emit('Reshape', [x, this.shapeOf(like)], [{ type: x.type, shape }])[0];
  }

  reshapeLike = <S extends Shape>(x: Value, like: Value<S>) => this.reshape(x, like.shape, like);

  /** Broadcasts to a shape; `like` has this shape at run time. */
  expand<const S extends Shape>(x: Value, shape: S, like?: Value): Value<Sizes<S>>;
  expand(x: Value, shape: Shape, like?: Value): Value {
    if (sameShape(x.shape, shape)) return x;
    const target = isStatic(shape) ? this.ints(shape) : like && this.shapeOf(like);
    if (!target) throw new Error(`Expand: a value of shape [${shape}] is needed`);
    return this.emit('Expand', [x, target], [{ type: x.type, shape }])[0];
  }

  transpose<S extends Shape, const P extends readonly number[]>(x: Value<S>, permutation: P): Value<Permuted<S, P>>;
  transpose(x: Value, permutation: readonly number[]): Value {
    if (permutation.every((p, i) => p === i)) return x;
    return this.emit('Transpose', [x], [{ type: x.type, shape: permutation.map((p) => x.shape[p]) }], {
      perm: permutation,
    })[0];
  }

  squeeze(x: Value, axes: readonly number[]): Value {
    const over = axes.map((a) => axis(a, x.shape.length));
    if (over.length === 0) return x;
    return this.emit(
      'Squeeze',
      [x, this.ints(over)],
      [{ type: x.type, shape: x.shape.filter((_, i) => !over.includes(i)) }],
    )[0];
  }

  /** Inserts dimensions of 1; axes are positions in the result. */
  unsqueeze(x: Value, axes: readonly number[]): Value {
    if (axes.length === 0) return x;
    const rank = x.shape.length + axes.length;
    const at = axes.map((a) => axis(a, rank));
    let next = 0;
    const shape = Array.from({ length: rank }, (_, i) => (at.includes(i) ? 1 : x.shape[next++]));
    return this.emit('Unsqueeze', [x, this.ints(at)], [{ type: x.type, shape }])[0];
  }

  concat<S extends Shape>(values: readonly Value<S>[], over: number): Value<Sizes<S>>;
  concat(values: readonly Value[], over: number): Value {
    const at = axis(over, values[0].shape.length);
    const sizes: Shape = values.map((v) => v.shape[at]);
    if (!isStatic(sizes)) throw new Error('Concat: symbolic sizes cannot be added');
    const total = sizes.reduce((a, d) => a + d, 0);
    const shape = values[0].shape.map((d, i) => (i === at ? total : d));
    return this.emit('Concat', values, [{ type: values[0].type, shape }], { axis: at })[0];
  }

  /** x[start:end:step] along one axis; `end` may be beyond the end, or before the start with a negative step. */
  slice<S extends Shape>(x: Value<S>, over: number, start: number, end: number, step?: number): Value<Sizes<S>>;
  slice(x: Value, over: number, start: number, end: number, step = 1): Value {
    const at = axis(over, x.shape.length);
    const size = x.shape[at];
    if (typeof size !== 'number') throw new Error(`Slice: axis ${at} of [${x.shape}] is symbolic`);
    const bound = (v: number, low: number, high: number) => Math.min(Math.max(v < 0 ? v + size : v, low), high);
    const [from, to] =
      step > 0 ? [bound(start, 0, size), bound(end, 0, size)] : [bound(start, 0, size - 1), bound(end, -1, size - 1)];
    const count = Math.max(0, Math.ceil((to - from) / step));
    const shape = x.shape.map((d, i) => (i === at ? count : d));
    return this.emit('Slice', [x, ...[start, end, at, step].map((v) => this.ints([v]))], [{ type: x.type, shape }])[0];
  }

  /** The whole axis backwards. */
  reverse = <S extends Shape>(x: Value<S>, over: number) => this.slice(x, over, -1, Number.MIN_SAFE_INTEGER, -1);

  /** Pads with a constant: `before[i]` and `after[i]` elements along axis i; negative numbers remove elements. */
  pad<S extends Shape>(
    x: Value<S>,
    before: readonly number[],
    after: readonly number[],
    value?: number,
  ): Value<Sizes<S>>;
  pad(x: Value, before: readonly number[], after: readonly number[], value = 0): Value {
    if ([...before, ...after].every((p) => p === 0)) return x;
    const shape = x.shape.map((d, i) => {
      if (before[i] + after[i] === 0) return d;
      if (typeof d !== 'number') throw new Error(`Pad: axis ${i} of [${x.shape}] is symbolic`);
      return d + before[i] + after[i];
    });
    const fill = value === 0 ? undefined : this.scalar(value, x.type);
    return this.emit(
      'Pad',
      [x, this.ints([...before, ...after]), ...(fill ? [fill] : [])],
      [{ type: x.type, shape }],
    )[0];
  }
}

export const isSingle = (shape: Shape): boolean => shape.every((d) => d === 1);

/** A non-negative axis. */
export const axis = (value: number | bigint, rank: number): number =>
  Number(value) < 0 ? Number(value) + rank : Number(value);

/** The constant for `Reshape`: 0 copies a dimension, one -1 fills the rest. Undefined if that cannot express the shape. */
function reshapeTarget(from: Shape, to: Shape): number[] | undefined {
  let open = 0;
  const target = to.map((d, i) => {
    if (typeof d === 'number') return d;
    if (from[i] === d) return 0;
    open++;
    return -1;
  });
  // A constant 0 would be read as "copy".
  if (open > 1 || to.includes(0)) return undefined;
  if (divide(product(from), product(to)) === undefined)
    throw new Error(`Reshape: [${from}] and [${to}] differ in their number of elements`);
  return target;
}
