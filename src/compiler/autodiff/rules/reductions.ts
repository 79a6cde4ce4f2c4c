import { axis, isStatic, type Operand, product, type Shape, type Value } from '../../../onnx/index.ts';
import type { RuleContext, Rules } from '../rule.ts';
import { positionsOf } from './positions.ts';

/** The parts of a reduction's gradient: the axes, and its result and gradient with the reduced axes kept. */
function reduction({ b, inputs: [x, axes], outputs: [y], dy: [dy], attributes, constant }: RuleContext) {
  const { keepdims = 1, noop_with_empty_axes = 0 } = attributes;
  const given = axes ? constant(axes).map((a) => axis(a, x.shape.length)) : [];
  const over = given.length || noop_with_empty_axes ? given : x.shape.map((_, i) => i);
  const keep = (value: Value) =>
    keepdims
      ? value
      : b.unsqueeze(
          value,
          [...over].sort((p, q) => p - q),
        );
  return {
    x,
    over,
    get y() {
      return keep(y);
    },
    get dy() {
      return keep(dy);
    },
    /** The number of elements behind each result. */
    get count(): Operand {
      const sizes: Shape = over.map((i) => x.shape[i]);
      if (isStatic(sizes)) return product(sizes);
      return b.cast(b.reduce('ReduceProd', b.gather(b.shapeOf(x), b.ints(over)), [0]), x.type);
    },
    spread: (value: Value) => b.expand(value, x.shape, x),
    sum: (value: Value) => b.reduceSum(value, over, { keepdims: true }),
  };
}

// y = max x            ∂x = ∂y·[x = y] / Σ [x = y]: equal maxima share the gradient
const extremum: Rules[string] = (context) => {
  const { b } = context;
  const { x, y, dy, sum } = reduction(context);
  const chosen = () => b.cast(b.equal(x, y), x.type);
  return [() => b.mul(chosen(), b.div(dy, sum(chosen())))];
};

/** Reductions over axes given as a constant; without axes, over all. */
export const reductions: Rules = {
  // y = Σ x            ∂x = ∂y
  ReduceSum: (context) => {
    const { dy, spread } = reduction(context);
    return [() => spread(dy)];
  },

  // y = Σ x / n        ∂x = ∂y / n
  ReduceMean: (context) => {
    const { dy, count, spread } = reduction(context);
    return [() => spread(context.b.div(dy, count))];
  },

  ReduceMax: extremum,
  ReduceMin: extremum,

  // y = Π x            ∂xᵢ = ∂y·Πⱼ≠ᵢ xⱼ, by division; zeros are left out of the product and counted
  ReduceProd: (context) => {
    const { b } = context;
    const { x, over, dy, sum } = reduction(context);
    return [
      () => {
        const isZero = b.cast(b.equal(x, 0), x.type);
        const nonZero = b.add(x, isZero);
        const others = b.sub(sum(isZero), isZero);
        const rest = b.div(b.reduce('ReduceProd', nonZero, over, { keepdims: true }), nonZero);
        return b.mul(dy, b.where(b.equal(others, 0), rest, 0));
      },
    ];
  },

  // y = Σ |x|          ∂x = ∂y·sign x
  ReduceL1: (context) => {
    const { x, dy } = reduction(context);
    return [() => context.b.mul(dy, context.b.sign(x))];
  },

  // y = √Σ x²          ∂x = ∂y·x / y (0 where y = 0)
  ReduceL2: (context) => {
    const { b } = context;
    const { x, y, dy } = reduction(context);
    return [() => b.mul(x, b.div(dy, b.max(y, 1e-30)))];
  },

  // y = Σ x²           ∂x = 2·∂y·x
  ReduceSumSquare: (context) => {
    const { x, dy } = reduction(context);
    return [() => context.b.mul(x, context.b.mul(dy, 2))];
  },

  // y = ln Σ x         ∂x = ∂y / Σ x = ∂y·e⁻ʸ
  ReduceLogSum: (context) => {
    const { b } = context;
    const { y, dy, spread } = reduction(context);
    return [() => spread(b.mul(dy, b.exp(b.neg(y))))];
  },

  // y = ln Σ eˣ        ∂x = ∂y·eˣ⁻ʸ
  ReduceLogSumExp: (context) => {
    const { b } = context;
    const { x, y, dy } = reduction(context);
    return [() => b.mul(dy, b.exp(b.sub(x, y)))];
  },

  // yᵢ = Σⱼ≤ᵢ xⱼ       ∂xⱼ = Σᵢ≥ⱼ ∂yᵢ
  CumSum: ({ b, inputs: [, over], dy: [dy], attributes: { reverse = 0, exclusive = 0 } }) => [
    () => b.emit('CumSum', [dy, over], [dy], { reverse: 1 - reverse, exclusive })[0],
  ],

  // yᵢ = Πⱼ≤ᵢ xⱼ       ∂xₖ = Πⱼ<ₖ xⱼ · Σᵢ≥ₖ ∂yᵢ·Πₖ<ⱼ≤ᵢ xⱼ, without division by an x that is zero
  CumProd: ({ b, inputs: [x, over], dy: [dy], attributes: { reverse = 0, exclusive = 0 }, constant }) => [
    () => {
      const at = axis(constant(over)[0], x.shape.length);
      const product = (value: Value, axisOf: Value, isExclusive: number) =>
        b.emit('CumProd', [value, axisOf], [value], { reverse, exclusive: isExclusive })[0];
      // Factors and results along axis `at + 1` for each element k along axis `at`.
      const place = positionsOf(b, x, at);
      const tail = x.shape.slice(at + 1).map((_, i) => i + 2);
      const [k, j] = [b.unsqueeze(place, [1, ...tail]), b.unsqueeze(place, [0, ...tail])];
      const isLater = reverse ? b.less(j, k) : b.greater(j, k);
      const counts = exclusive ? isLater : b.or(isLater, b.equal(j, k));
      const factors = b.where(isLater, b.unsqueeze(x, [at]), 1);
      const between = product(factors, b.scalar(at + 1, 'int64'), exclusive);
      const terms = b.where(counts, b.mul(b.unsqueeze(dy, [at]), between), 0);
      return b.mul(product(x, over, 1), b.reduceSum(terms, [at + 1]));
    },
  ],
};
