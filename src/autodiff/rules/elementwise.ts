import type { Rules } from '../rule.ts';

/** Functions of single elements, and broadcasting arithmetic: the pass sums over the axes that were broadcast. */
export const elementwise: Rules = {
  // y = a + b          ∂a = ∂y, ∂b = ∂y
  Add: ({ dy: [dy] }) => [() => dy, () => dy],

  // y = a − b          ∂a = ∂y, ∂b = −∂y
  Sub: ({ b, dy: [dy] }) => [() => dy, () => b.neg(dy)],

  // y = a·b            ∂a = ∂y·b, ∂b = ∂y·a
  Mul: ({ b, inputs: [x, w], dy: [dy] }) => [() => b.mul(dy, w), () => b.mul(dy, x)],

  // y = a / b          ∂a = ∂y / b, ∂b = −∂y·y / b
  Div: ({ b, inputs: [, w], outputs: [y], dy: [dy] }) => [() => b.div(dy, w), () => b.neg(b.div(b.mul(dy, y), w))],

  // y = max(x, 0)      ∂x = ∂y where y > 0
  Relu: ({ b, outputs: [y], dy: [dy] }) => [() => b.mul(dy, b.positive(y))],
};
