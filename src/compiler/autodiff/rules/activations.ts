import { type GraphBuilder, numbersOf, type Value } from '../../../onnx/index.ts';
import { geluGradient } from '../adjoint.ts';
import type { RuleContext, Rules } from '../rule.ts';

/** A slope that turns a hard sigmoid into a step; a power of two, so that scaling by it is exact. */
const STEEP = 2 ** 100;

/** 1 where x > low, else 0, in one pass over memory. */
export const above = (b: GraphBuilder, x: Value, low: number) => b.hardSigmoid(x, STEEP, -low * STEEP);

/** 1 where x < high, else 0. */
export const below = (b: GraphBuilder, x: Value, high: number) => b.hardSigmoid(x, -STEEP, high * STEEP);

// y = x/2·(1 + t), t = tanh u, u = √(2/π)·(x + 0.044715·x³)      ∂x = ∂y/2·(1 + t + x·(1 − t²)·u′)
export function tanhGeluGradient(b: GraphBuilder, x: Value, dy: Value): Value {
  const k = Math.sqrt(2 / Math.PI);
  const squared = b.square(x);
  const t = b.tanh(b.mul(x, b.add(b.mul(squared, 0.044715 * k), k)));
  const slope = b.add(b.mul(squared, 3 * 0.044715 * k), k);
  return b.mul(b.mul(dy, 0.5), b.add(b.add(t, 1), b.mul(b.mul(x, slope), b.sub(1, b.square(t)))));
}

/** The mask of a bound, which may be absent or, rarely, unknown at compile time. */
function inside({ b, known, outputs: [y] }: RuleContext, bound: Value | undefined, lower: boolean): Value | undefined {
  if (!bound) return undefined;
  const contents = known(bound);
  if (!contents || !/^float(32|64)$/.test(contents.type)) {
    return b.positive(lower ? b.sub(y, bound) : b.sub(bound, y));
  }
  const [limit] = numbersOf(contents);
  return lower ? above(b, y, limit) : below(b, y, limit);
}

/** Whether a value, or a cast of it, goes through `Where`: the specification of `Attention` asks the mask which rows to replace. */
function isChosenFrom(b: GraphBuilder, value: string): boolean {
  const names = new Set([value]);
  return b.nodes.some(({ op, inputs, outputs }) => {
    if (!inputs.some((name) => names.has(name))) return false;
    if (op === 'Cast' || op === 'Identity') names.add(outputs[0]);
    return op === 'Where';
  });
}

/**
 * A softmax's result, with zeros in rows of NaN if the graph itself puts zeros there: exporters guard attention in this way from rows that
 * are fully masked. Otherwise, NaN times the zero gradient of such a row would be NaN.
 */
function withoutNaN({ b, node, outputs: [y], known }: RuleContext): Value {
  const [name] = node.outputs;
  const test = b.nodes.find(({ op, inputs }) => op === 'IsNaN' && inputs[0] === name);
  const guard = b.nodes.find(({ op, inputs: [condition, , otherwise] }) => {
    return op === 'Where' && condition === test?.outputs[0] && otherwise === name;
  });
  const zero = guard && known(b.value(guard.inputs[1]));
  const isZero = zero && numbersOf(zero).every((number) => number === 0);
  // A recomputed value has another name.
  if (isZero && y.name === name) return b.value(guard.outputs[0]);
  if (!isZero && !isChosenFrom(b, name)) return y;
  return b.where(b.emit('IsNaN', [y], [{ type: 'bool', shape: y.shape }])[0], 0, y);
}

export const activations: Rules = {
  // y = max(x, 0)      ∂x = ∂y where y > 0
  Relu: ({ b, outputs: [y], dy: [dy] }) => [() => b.mul(dy, b.positive(y))],

  // y = min(max(x, l), h)      ∂x = ∂y where l < y < h, ∂l = ∂y where x < l < h, ∂h = ∂y where max(x, l) > h
  Clip: (context) => {
    const { b, inputs, dy } = context;
    const [x, low, high] = inputs;
    const masks = [inside(context, low, true), inside(context, high, false)].filter((mask) => mask !== undefined);
    return [
      () => masks.reduce((gradient, mask) => b.mul(gradient, mask), dy[0]),
      low && (() => b.where(high ? b.and(b.less(x, low), b.less(low, high)) : b.less(x, low), dy[0], 0)),
      high && (() => b.where(b.greater(low ? b.max(x, low) : x, high), dy[0], 0)),
    ];
  },

  // y = x > 0 ? x : αx         ∂x = ∂y·(x > 0 ? 1 : α)
  LeakyRelu: ({ b, inputs: [x], dy: [dy], attributes: { alpha = 0.01 } }) => [
    () => b.mul(dy, b.add(b.mul(b.positive(x), 1 - alpha), alpha)),
  ],

  // y = x > 0 ? x : s·x        ∂x = ∂y·(x > 0 ? 1 : s), ∂s = ∂y·min(x, 0)
  PRelu: ({ b, inputs: [x, slope], dy: [dy] }) => [
    () => b.where(b.greater(x, 0), dy, b.mul(dy, slope)),
    () => b.mul(dy, b.min(x, 0)),
  ],

  // y = x > α ? x : 0          ∂x = ∂y where x > α
  ThresholdedRelu: ({ b, inputs: [x], dy: [dy], attributes: { alpha = 1 } }) => [() => b.mul(dy, above(b, x, alpha))],

  // y = x − sign(x)·bias where |x| > λ, else 0         ∂x = ∂y where |x| > λ
  Shrink: ({ b, inputs: [x], dy: [dy], attributes: { lambd = 0.5 } }) => [
    () => b.where(b.or(b.greater(x, lambd), b.less(x, -lambd)), dy, 0),
  ],

  // y = x > 0 ? x : α(eˣ − 1)          ∂x = ∂y·(x > 0 ? 1 : y + α)
  Elu: ({ b, inputs: [x], outputs: [y], dy: [dy], attributes: { alpha = 1 } }) => [
    () => b.where(b.greater(x, 0), dy, b.mul(dy, b.add(y, alpha))),
  ],

  // y = γ·(x > 0 ? x : α(eˣ − 1))      ∂x = ∂y·(x > 0 ? γ : y + γα)
  Selu: ({ b, inputs: [x], outputs: [y], dy: [dy], attributes }) => {
    const { alpha = 1.6732632423543772, gamma = 1.0507009873554805 } = attributes;
    return [() => b.mul(dy, b.where(b.greater(x, 0), gamma, b.add(y, gamma * alpha)))];
  },

  // y = x > 0 ? x : α(exp(x/α) − 1)    ∂x = ∂y·(x > 0 ? 1 : y/α + 1)
  Celu: ({ b, inputs: [x], outputs: [y], dy: [dy], attributes: { alpha = 1 } }) => [
    () => b.where(b.greater(x, 0), dy, b.mul(dy, b.add(b.mul(y, 1 / alpha), 1))),
  ],

  // y = 1 / (1 + e⁻ˣ)          ∂x = ∂y·y·(1 − y)
  Sigmoid: ({ b, outputs: [y], dy: [dy] }) => [() => b.mul(dy, b.mul(y, b.sub(1, y)))],

  // y = min(max(αx + β, 0), 1)         ∂x = ∂y·α where 0 < y < 1
  HardSigmoid: ({ b, outputs: [y], dy: [dy], attributes: { alpha = 0.2 } }) => [
    () => b.mul(b.mul(dy, alpha), b.mul(b.positive(y), below(b, y, 1))),
  ],

  // y = x·h(x), h(x) = min(max(x/6 + 1/2, 0), 1)       ∂x = ∂y·(h(x) + x/6 where x² < 9)
  HardSwish: ({ b, inputs: [x], dy: [dy] }) => [
    () => b.mul(dy, b.add(b.hardSigmoid(x, 1 / 6, 0.5), b.mul(b.mul(x, 1 / 6), below(b, b.square(x), 9)))),
  ],

  // y = x·σ(αx)        ∂x = ∂y·(σ + αy·(1 − σ))
  Swish: ({ b, inputs: [x], outputs: [y], dy: [dy], attributes: { alpha = 1 } }) => {
    const sigmoid = () => b.sigmoid(b.mul(x, alpha));
    return [() => b.mul(dy, b.add(sigmoid(), b.mul(b.mul(y, alpha), b.sub(1, sigmoid()))))];
  },

  // y = ln(1 + eˣ)     ∂x = ∂y·σ(x)
  Softplus: ({ b, inputs: [x], dy: [dy] }) => [() => b.mul(dy, b.sigmoid(x))],

  // y = x / (1 + |x|)  ∂x = ∂y / (1 + |x|)²
  Softsign: ({ b, inputs: [x], dy: [dy] }) => [() => b.div(dy, b.square(b.add(b.abs(x), 1)))],

  // y = x·t, t = tanh ln(1 + eˣ)       ∂x = ∂y·(t + x·(1 − t²)·σ(x))
  Mish: ({ b, inputs: [x], dy: [dy] }) => {
    const t = () => b.tanh(b.softplus(x));
    return [() => b.mul(dy, b.add(t(), b.mul(b.mul(x, b.sigmoid(x)), b.sub(1, b.square(t())))))];
  },

  Gelu: ({ b, inputs: [x], dy: [dy], attributes: { approximate = 'none' } }) => [
    () => (approximate === 'tanh' ? tanhGeluGradient(b, x, dy) : geluGradient(b, x, dy)),
  ],

  // y = softmax x      ∂x = y ⊙ (∂y − Σ ∂y⊙y)
  Softmax: (context) => [
    () => {
      const {
        b,
        dy: [dy],
        attributes: { axis = -1 },
      } = context;
      const y = withoutNaN(context);
      return b.mul(y, b.sub(dy, b.reduceSum(b.mul(dy, y), [axis], { keepdims: true })));
    },
  ],

  // y = ln softmax x   ∂x = ∂y − eʸ·Σ ∂y
  LogSoftmax: ({ b, outputs: [y], dy: [dy], attributes: { axis = -1 } }) => [
    () => b.sub(dy, b.mul(b.exp(y), b.reduceSum(dy, [axis], { keepdims: true }))),
  ],
};
