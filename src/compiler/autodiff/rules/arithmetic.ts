import { isFloat, numbersOf, type Value } from '../../../onnx/index.ts';
import type { Rule, RuleContext, Rules } from '../rule.ts';

// y = max(x₁, …)       ∂xᵢ = ∂y·[xᵢ = y] / Σⱼ [xⱼ = y]: equal maxima share the gradient
const extremum: Rule = ({ b, inputs, outputs: [y], dy: [dy] }) => {
  if (inputs.length === 1) return [() => dy];
  const chosen = inputs.map((x) => () => b.cast(b.equal(x, y), y.type));
  let total: Value | undefined;
  const count = () => {
    total ??= b.sum(chosen.map((mask) => mask()));
    return total;
  };
  return chosen.map((mask) => () => b.div(b.mul(dy, mask()), count()));
};

/** The single element of a constant, if it has only one. */
const onlyNumber = ({ known }: RuleContext, value: RuleContext['inputs'][number]): number | undefined => {
  const contents = known(value);
  return contents && contents.type !== 'float16' && contents.type !== 'bfloat16' && contents.shape.every((d) => d === 1)
    ? numbersOf(contents)[0]
    : undefined;
};

/** Elementwise arithmetic: the pass sums over the axes that were broadcast. */
export const arithmetic: Rules = {
  // y = a + b          ∂a = ∂y, ∂b = ∂y
  Add: ({ dy: [dy] }) => [() => dy, () => dy],

  // y = a − b          ∂a = ∂y, ∂b = −∂y
  Sub: ({ b, dy: [dy] }) => [() => dy, () => b.neg(dy)],

  // y = a·b            ∂a = ∂y·b, ∂b = ∂y·a
  Mul: ({ b, inputs: [x, w], dy: [dy] }) => [() => b.mul(dy, w), () => b.mul(dy, x)],

  // y = a / b          ∂a = ∂y / b, ∂b = −∂y·y / b
  Div: ({ b, inputs: [, w], outputs: [y], dy: [dy] }) => [() => b.div(dy, w), () => b.neg(b.div(b.mul(dy, y), w))],

  // y = a mod b = a − b·n, n a whole number        ∂a = ∂y, ∂b = −∂y·n, n = (a − y) / b
  Mod: ({ b, inputs: [x, w], outputs: [y], dy: [dy] }) => [
    () => dy,
    () => b.neg(b.mul(dy, b.unary('Round', b.div(b.sub(x, y), w)))),
  ],

  // y = xᵖ             ∂x = ∂y·p·xᵖ⁻¹, ∂p = ∂y·y·ln x (0 where x ≤ 0)
  Pow: (context) => {
    const { b, inputs, outputs, dy } = context;
    const [x, exponent] = inputs;
    const p = onlyNumber(context, exponent);
    const ofBase = () => {
      if (p === 0) return b.full(0, outputs[0]);
      if (p === 1) return dy[0];
      if (p === 2) return b.mul(dy[0], b.mul(x, 2));
      if (p === 0.5) return b.div(dy[0], b.mul(outputs[0], 2));
      if (p !== undefined) return b.mul(dy[0], b.mul(b.pow(x, p - 1), p));
      const power = b.cast(exponent, x.type);
      const slope = b.mul(power, b.pow(x, b.sub(power, 1)));
      return b.mul(dy[0], b.where(b.equal(power, 0), 0, slope));
    };
    const ofExponent = () => {
      const logarithm = b.where(b.greater(x, 0), b.log(b.where(b.greater(x, 0), x, 1)), 0);
      return b.cast(b.mul(dy[0], b.mul(outputs[0], logarithm)), exponent.type);
    };
    return [ofBase, isFloat(exponent.type) ? ofExponent : undefined];
  },

  Max: extremum,
  Min: extremum,

  // y = x₁ + x₂ + …    ∂xᵢ = ∂y
  Sum: ({ inputs, dy: [dy] }) => inputs.map(() => () => dy),

  // y = (x₁ + … + xₙ) / n      ∂xᵢ = ∂y / n
  Mean: ({ b, inputs, dy: [dy] }) => inputs.map(() => () => b.mul(dy, 1 / inputs.length)),

  // y = c ? a : b      ∂a = c ? ∂y : 0, ∂b = c ? 0 : ∂y
  Where: ({ b, inputs: [c], dy: [dy] }) => [undefined, () => b.where(c, dy, 0), () => b.where(c, 0, dy)],

  // y = x              ∂x = ∂y
  Identity: ({ dy: [dy] }) => [() => dy],

  // y = x in another type
  Cast: ({ b, inputs: [x], dy: [dy] }) => [isFloat(x.type) ? () => b.cast(dy, x.type) : undefined],
  CastLike: ({ b, inputs: [x], dy: [dy] }) => [isFloat(x.type) ? () => b.cast(dy, x.type) : undefined, 'zero'],

  // y = −x             ∂x = −∂y
  Neg: ({ b, dy: [dy] }) => [() => b.neg(dy)],

  // y = |x|            ∂x = ∂y·sign x
  Abs: ({ b, inputs: [x], dy: [dy] }) => [() => b.mul(dy, b.sign(x))],

  // y = 1 / x          ∂x = −∂y·y²
  Reciprocal: ({ b, outputs: [y], dy: [dy] }) => [() => b.neg(b.mul(dy, b.square(y)))],

  // y = √x             ∂x = ∂y / 2y
  Sqrt: ({ b, outputs: [y], dy: [dy] }) => [() => b.div(dy, b.mul(y, 2))],

  // y = eˣ             ∂x = ∂y·y
  Exp: ({ b, outputs: [y], dy: [dy] }) => [() => b.mul(dy, y)],

  // y = ln x           ∂x = ∂y / x
  Log: ({ b, inputs: [x], dy: [dy] }) => [() => b.div(dy, x)],

  // y = erf x          ∂x = ∂y·2/√π·exp(−x²)
  Erf: ({ b, inputs: [x], dy: [dy] }) => [() => b.mul(dy, b.mul(b.exp(b.neg(b.square(x))), 2 / Math.sqrt(Math.PI)))],
};
