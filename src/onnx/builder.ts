import { type AttributeLike, float } from './attributes.ts';
import type { Value } from './emitter.ts';
import { broadcast, type Dimension, isStatic, type Shape, sameShape } from './shape.ts';
import { axis, isSingle, ShapeBuilder } from './shape-builder.ts';
import { convolvedShape, pooledShape, type SpatialAttributes } from './spatial.ts';
import type { DataType } from './tensor.ts';

/** An operand: a plain number becomes a constant scalar of the other operand's type. */
export type Operand = Value | number;

/** The shape of an elementwise result: a number adopts the other operand's; two shapes without symbols give one without. */
type Broadcast<A extends Operand, B extends Operand> = B extends number
  ? ShapeOf<A>
  : A extends number
    ? ShapeOf<B>
    : ShapeOf<A> | ShapeOf<B> extends readonly number[]
      ? readonly number[]
      : Shape;

type ShapeOf<V extends Operand> = V extends Value<infer S> ? S : never;

export interface ReduceOptions {
  readonly keepdims?: boolean;
}

const COMPARISONS = {
  equal: 'Equal',
  less: 'Less',
  greater: 'Greater',
  lessOrEqual: 'LessOrEqual',
  greaterOrEqual: 'GreaterOrEqual',
};

/** The codes of the types that casts can have as targets. */
const CASTS: Readonly<Partial<Record<DataType, number>>> = {
  float32: 1,
  uint8: 2,
  int8: 3,
  int32: 6,
  int64: 7,
  bool: 9,
  float16: 10,
  float64: 11,
  bfloat16: 16,
};

/**
 * Builds a graph of operators of opset 18 and later. Each method is an ONNX operator and returns a value whose type and shape
 * are known. Axes may be negative. Shapes that do not fit are bugs of the caller and throw.
 */
export class GraphBuilder extends ShapeBuilder {
  // --- elementwise -----------------------------------------------------------------------------------------------

  /** Any elementwise function of one input: `Exp`, `Sigmoid`, … */
  unary<S extends Shape>(
    op: string,
    x: Value<S>,
    attributes: Record<string, AttributeLike> = {},
    type: DataType = x.type,
  ): Value<S> {
    return this.emit(op, [x], [{ type, shape: x.shape }], attributes)[0];
  }

  /** Any broadcasting function of two inputs. */
  binary<A extends Operand, B extends Operand>(op: string, a: A, b: B, type?: DataType): Value<Broadcast<A, B>>;
  binary(op: string, a: Operand, b: Operand, type?: DataType): Value {
    const [x, y] = this.sameRank(...this.operands(a, b));
    return this.emit(op, [x, y], [{ type: type ?? x.type, shape: broadcast(x.shape, y.shape) }])[0];
  }

  /** A product or quotient. With 1, it is the operand itself. */
  private scaled<A extends Operand, B extends Operand>(op: 'Mul' | 'Div', a: A, b: B): Value<Broadcast<A, B>>;
  private scaled(op: 'Mul' | 'Div', a: Operand, b: Operand): Value {
    if (b === 1 && typeof a !== 'number') return a;
    if (a === 1 && typeof b !== 'number' && op === 'Mul') return b;
    return this.binary(op, a, b);
  }

  /**
   * Gives a single number the rank of the other operand if that ends in an axis of one element, as 1x1 filters do. ONNX Runtime broadcasts
   * unequal ranks along the last axis, which would be one call for each element (100 times slower).
   */
  private sameRank(a: Value, b: Value): [Value, Value] {
    const seen = (single: Value, other: Value) =>
      isSingle(single.shape) && single.shape.length < other.shape.length && other.shape.at(-1) === 1
        ? this.reshape(
            single,
            other.shape.map(() => 1),
          )
        : single;
    return [seen(a, b), seen(b, a)];
  }

  private operands(a: Operand, b: Operand): [Value, Value] {
    if (typeof a === 'number') {
      if (typeof b === 'number') throw new Error('one operand must be a value');
      return [this.scalar(a, b.type), b];
    }
    return [a, typeof b === 'number' ? this.scalar(b, a.type) : b];
  }

  add = <A extends Operand, B extends Operand>(a: A, b: B) => this.binary('Add', a, b);
  sub = <A extends Operand, B extends Operand>(a: A, b: B) => this.binary('Sub', a, b);
  mul = <A extends Operand, B extends Operand>(a: A, b: B) => this.scaled('Mul', a, b);
  div = <A extends Operand, B extends Operand>(a: A, b: B) => this.scaled('Div', a, b);
  pow = <A extends Value, B extends Operand>(a: A, b: B) => this.binary('Pow', a, b);
  max = <A extends Operand, B extends Operand>(a: A, b: B) => this.binary('Max', a, b);
  min = <A extends Operand, B extends Operand>(a: A, b: B) => this.binary('Min', a, b);
  equal = <A extends Operand, B extends Operand>(a: A, b: B) => this.binary(COMPARISONS.equal, a, b, 'bool');
  less = <A extends Operand, B extends Operand>(a: A, b: B) => this.binary(COMPARISONS.less, a, b, 'bool');
  greater = <A extends Operand, B extends Operand>(a: A, b: B) => this.binary(COMPARISONS.greater, a, b, 'bool');
  lessOrEqual = <A extends Operand, B extends Operand>(a: A, b: B) =>
    this.binary(COMPARISONS.lessOrEqual, a, b, 'bool');
  greaterOrEqual = <A extends Operand, B extends Operand>(a: A, b: B) =>
    this.binary(COMPARISONS.greaterOrEqual, a, b, 'bool');
  and = <A extends Value, B extends Value>(a: A, b: B) => this.binary('And', a, b, 'bool');
  or = <A extends Value, B extends Value>(a: A, b: B) => this.binary('Or', a, b, 'bool');
  not = <S extends Shape>(x: Value<S>) => this.unary('Not', x);

  neg = <S extends Shape>(x: Value<S>) => this.unary('Neg', x);
  abs = <S extends Shape>(x: Value<S>) => this.unary('Abs', x);
  sign = <S extends Shape>(x: Value<S>) => this.unary('Sign', x);
  exp = <S extends Shape>(x: Value<S>) => this.unary('Exp', x);
  log = <S extends Shape>(x: Value<S>) => this.unary('Log', x);
  sqrt = <S extends Shape>(x: Value<S>) => this.unary('Sqrt', x);
  reciprocal = <S extends Shape>(x: Value<S>) => this.unary('Reciprocal', x);
  sigmoid = <S extends Shape>(x: Value<S>) => this.unary('Sigmoid', x);
  tanh = <S extends Shape>(x: Value<S>) => this.unary('Tanh', x);
  erf = <S extends Shape>(x: Value<S>) => this.unary('Erf', x);
  softplus = <S extends Shape>(x: Value<S>) => this.unary('Softplus', x);
  identity = <S extends Shape>(x: Value<S>, as?: string) => this.emit('Identity', [x], [x], {}, { as })[0];
  square = <S extends Shape>(x: Value<S>): Value<S> => this.emit('Mul', [x, x], [x])[0];

  /** max(0, min(1, αx + β)) */
  hardSigmoid = <S extends Shape>(x: Value<S>, alpha: number, beta: number) =>
    this.unary('HardSigmoid', x, { alpha: float(alpha), beta: float(beta) });

  /** 1 where x > 0, else 0, in one pass over memory: a hard sigmoid with a slope so steep that it is a step. */
  positive = <S extends Shape>(x: Value<S>) => this.hardSigmoid(x, 1e30, 0);

  cast<S extends Shape>(x: Value<S>, to: DataType): Value<S> {
    if (x.type === to) return x;
    const code = CASTS[to];
    if (code === undefined) throw new Error(`a cast to ${to} is not supported`);
    return this.unary('Cast', x, { to: code }, to);
  }

  where(condition: Value, a: Operand, b: Operand): Value {
    const [x, y] = this.operands(a, b);
    const shape = broadcast(condition.shape, broadcast(x.shape, y.shape));
    return this.emit('Where', [condition, x, y], [{ type: x.type, shape }])[0];
  }

  /** The sum of one or more values. */
  sum(values: readonly Value[]): Value {
    return values.reduce((all, value) => this.add(all, value));
  }

  // --- reductions ------------------------------------------------------------------------------------------------

  /** Any `Reduce…` operator; without axes, over all of them. */
  reduce(op: string, x: Value, axes?: readonly number[], { keepdims = false }: ReduceOptions = {}): Value {
    const over = (axes ?? x.shape.map((_, i) => i)).map((a) => axis(a, x.shape.length)).sort((a, b) => a - b);
    if (over.length === 0) return x;
    const shape = keepdims
      ? x.shape.map((d, i) => (over.includes(i) ? 1 : d))
      : x.shape.filter((_, i) => !over.includes(i));
    return this.emit(op, [x, this.ints(over)], [{ type: x.type, shape }], { keepdims: keepdims ? 1 : 0 })[0];
  }

  reduceSum = (x: Value, axes?: readonly number[], options?: ReduceOptions): Value =>
    this.reduce('ReduceSum', x, axes, options);
  reduceMean = (x: Value, axes?: readonly number[], options?: ReduceOptions): Value =>
    this.reduce('ReduceMean', x, axes, options);

  /** Sums over the axes along which `shape` was broadcast to x's shape: the transpose of broadcasting. */
  sumTo(x: Value, shape: Shape): Value {
    if (sameShape(x.shape, shape)) return x;
    const lead = x.shape.length - shape.length;
    const over = x.shape.map((d, i) => (i < lead || (shape[i - lead] === 1 && d !== 1) ? i : -1)).filter((i) => i >= 0);
    // A sum over several axes at once takes ONNX Runtime twice as long, or ten times if the axes are apart. Summing the last axes together
    // is fast, because their elements are contiguous.
    const kept = x.shape.findLastIndex((d, i) => d !== 1 && !over.includes(i));
    const last = over.some((i) => i > kept) ? x.shape.map((_, i) => i).slice(kept + 1) : [];
    const groups = [...over.filter((i) => i < kept).map((i) => [i]), last];
    const summed = groups.reduceRight((sum, axes) => this.reduceSum(sum, axes, { keepdims: true }), x);
    return lead
      ? this.squeeze(
          summed,
          Array.from({ length: lead }, (_, i) => i),
        )
      : summed;
  }

  softmax = <S extends Shape>(x: Value<S>, over = -1) => this.unary('Softmax', x, { axis: axis(over, x.shape.length) });
  logSoftmax = <S extends Shape>(x: Value<S>, over = -1) =>
    this.unary('LogSoftmax', x, { axis: axis(over, x.shape.length) });

  // --- matrices --------------------------------------------------------------------------------------------------

  matmul(a: Value, b: Value): Value {
    if (a.shape.length < 2 || b.shape.length < 2) throw new Error('matmul takes vectors as matrices');
    const stack = broadcast(a.shape.slice(0, -2), b.shape.slice(0, -2));
    const shape = [...stack, ...a.shape.slice(-2, -1), ...b.shape.slice(-1)];
    return this.emit('MatMul', [a, b], [{ type: a.type, shape }])[0];
  }

  /** α·op(a)·op(b) over the last two axes, `com.microsoft.FusedMatMul`: a product of transposed matrices without a transpose. */
  fusedMatMul(a: Value, b: Value, { transA = false, transB = false, alpha = 1 } = {}): Value {
    const [rows, inner] = matrix(a, transA);
    const [innerB, columns] = matrix(b, transB);
    if (inner !== innerB)
      throw new Error(`FusedMatMul: [${a.shape}] and [${b.shape}] do not multiply: ${inner} against ${innerB}`);
    const shape = [...broadcast(a.shape.slice(0, -2), b.shape.slice(0, -2)), rows, columns];
    const attributes = { transA: Number(transA), transB: Number(transB), alpha: float(alpha) };
    return this.emit('FusedMatMul', [a, b], [{ type: a.type, shape }], attributes, { domain: 'com.microsoft' })[0];
  }

  /** α·op(a)·op(b) + β·c of matrices. */
  gemm(a: Value, b: Value, c?: Value, { transA = false, transB = false, alpha = 1, beta = 1 } = {}): Value {
    const shape = [matrix(a, transA)[0], matrix(b, transB)[1]];
    const attributes = { transA: Number(transA), transB: Number(transB), alpha: float(alpha), beta: float(beta) };
    return this.emit('Gemm', c ? [a, b, c] : [a, b], [{ type: a.type, shape }], attributes)[0];
  }

  // --- indices ---------------------------------------------------------------------------------------------------

  gather(x: Value, indices: Value, over = 0): Value {
    const at = axis(over, x.shape.length);
    const shape = [...x.shape.slice(0, at), ...indices.shape, ...x.shape.slice(at + 1)];
    return this.emit('Gather', [x, indices], [{ type: x.type, shape }], { axis: at })[0];
  }

  gatherElements = <S extends Shape>(x: Value, indices: Value<S>, over: number) =>
    this.emit('GatherElements', [x, indices], [{ type: x.type, shape: indices.shape }], {
      axis: axis(over, x.shape.length),
    })[0];

  /** x with `updates` added at the indices along one axis. */
  scatterAdd = <S extends Shape>(x: Value<S>, indices: Value, updates: Value, over: number) =>
    this.emit('ScatterElements', [x, indices, updates], [x], { axis: axis(over, x.shape.length), reduction: 'add' })[0];

  /** Zeros (or another value) in the shape of `like`. */
  full<S extends Shape>(value: number, like: Value<S>, type?: DataType): Value<S>;
  full(value: number, like: Value, type: DataType = like.type): Value {
    if (isStatic(like.shape)) return this.expand(this.scalar(value, type), like.shape);
    return this.emit('Expand', [this.scalar(value, type), this.shapeOf(like)], [{ type, shape: like.shape }])[0];
  }

  // --- convolution and pooling -----------------------------------------------------------------------------------

  /** `Conv` with explicit pads; x `[N, C, …]`, w `[O, C/group, …]`. `spatial` is the size of the result, required if x's is symbolic. */
  conv<D extends Dimension = number>(
    x: Value,
    w: Value<readonly [number, ...Shape]>,
    bias: Value | undefined,
    attributes: SpatialAttributes & { group?: number },
    spatial?: readonly D[],
  ): Value<readonly [Dimension, number, ...D[]]>;
  conv(
    x: Value,
    w: Value,
    bias: Value | undefined,
    attributes: SpatialAttributes & { group?: number },
    spatial?: readonly Dimension[],
  ): Value;
  conv(
    x: Value,
    w: Value,
    bias: Value | undefined,
    attributes: SpatialAttributes & { group?: number },
    spatial?: readonly Dimension[],
  ): Value {
    const { group = 1 } = attributes;
    const channels = w.shape[1];
    if (typeof channels === 'number' && x.shape[1] !== channels * group) {
      throw new Error(`Conv: input channels ${x.shape[1]} must match weight channels ${channels} x group ${group}`);
    }
    const kernel = kernelOf(w);
    const shape = [x.shape[0], w.shape[0], ...(spatial ?? convolvedShape(x.shape.slice(2), kernel, attributes))];
    return this.emit('Conv', bias ? [x, w, bias] : [x, w], [{ type: x.type, shape }], {
      kernel_shape: kernel,
      strides: attributes.strides,
      dilations: attributes.dilations,
      pads: attributes.pads,
      group,
    })[0];
  }

  /** `ConvTranspose`; `spatial` is the size of the result. */
  convTranspose<D extends Dimension>(
    x: Value,
    w: Value<readonly [Dimension, number, ...Shape]>,
    attributes: SpatialAttributes & { group?: number; output_padding?: readonly number[] },
    spatial: readonly D[],
  ): Value<readonly [Dimension, number, ...D[]]> {
    const { group = 1 } = attributes;
    const shape = [x.shape[0], w.shape[1] * group, ...spatial] as const;
    return this.emit('ConvTranspose', [x, w], [{ type: x.type, shape }], {
      kernel_shape: kernelOf(w),
      strides: attributes.strides,
      dilations: attributes.dilations,
      pads: attributes.pads,
      output_padding: attributes.output_padding,
      group,
    })[0];
  }

  averagePool(
    x: Value,
    kernel: readonly number[],
    attributes: SpatialAttributes & { count_include_pad?: number },
  ): Value {
    const shape = [...x.shape.slice(0, 2), ...pooledShape(x.shape.slice(2), kernel, attributes)];
    return this.emit('AveragePool', [x], [{ type: x.type, shape }], { kernel_shape: kernel, ...attributes })[0];
  }
}

/** Sizes of a filter's windows. */
function kernelOf(w: Value): readonly number[] {
  const kernel = w.shape.slice(2);
  if (isStatic(kernel)) return kernel;
  throw new Error(`the windows of "${w.name}", [${w.shape}], have no fixed size`);
}

function matrix({ shape }: Value, transposed: boolean): [Dimension, Dimension] {
  const [rows, columns] = shape.slice(-2);
  return transposed ? [columns, rows] : [rows, columns];
}
