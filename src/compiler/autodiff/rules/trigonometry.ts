import type { Rules } from '../rule.ts';

export const trigonometry: Rules = {
  // y = sin x          ∂x = ∂y·cos x
  Sin: ({ b, inputs: [x], dy: [dy] }) => [() => b.mul(dy, b.unary('Cos', x))],

  // y = cos x          ∂x = −∂y·sin x
  Cos: ({ b, inputs: [x], dy: [dy] }) => [() => b.neg(b.mul(dy, b.unary('Sin', x)))],

  // y = tan x          ∂x = ∂y·(1 + y²)
  Tan: ({ b, outputs: [y], dy: [dy] }) => [() => b.mul(dy, b.add(b.square(y), 1))],

  // y = arcsin x       ∂x = ∂y / √(1 − x²)
  Asin: ({ b, inputs: [x], dy: [dy] }) => [() => b.div(dy, b.sqrt(b.sub(1, b.square(x))))],

  // y = arccos x       ∂x = −∂y / √(1 − x²)
  Acos: ({ b, inputs: [x], dy: [dy] }) => [() => b.neg(b.div(dy, b.sqrt(b.sub(1, b.square(x)))))],

  // y = arctan x       ∂x = ∂y / (1 + x²)
  Atan: ({ b, inputs: [x], dy: [dy] }) => [() => b.div(dy, b.add(b.square(x), 1))],

  // y = sinh x         ∂x = ∂y·cosh x
  Sinh: ({ b, inputs: [x], dy: [dy] }) => [() => b.mul(dy, b.unary('Cosh', x))],

  // y = cosh x         ∂x = ∂y·sinh x
  Cosh: ({ b, inputs: [x], dy: [dy] }) => [() => b.mul(dy, b.unary('Sinh', x))],

  // y = tanh x         ∂x = ∂y·(1 − y²)
  Tanh: ({ b, outputs: [y], dy: [dy] }) => [() => b.mul(dy, b.sub(1, b.square(y)))],

  // y = arsinh x       ∂x = ∂y / √(x² + 1)
  Asinh: ({ b, inputs: [x], dy: [dy] }) => [() => b.div(dy, b.sqrt(b.add(b.square(x), 1)))],

  // y = arcosh x       ∂x = ∂y / √(x² − 1)
  Acosh: ({ b, inputs: [x], dy: [dy] }) => [() => b.div(dy, b.sqrt(b.sub(b.square(x), 1)))],

  // y = artanh x       ∂x = ∂y / (1 − x²)
  Atanh: ({ b, inputs: [x], dy: [dy] }) => [() => b.div(dy, b.sub(1, b.square(x)))],
};
