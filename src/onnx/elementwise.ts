/** Operators of the standard domain that compute each element of their result from the operands' elements at its position, finite at 0. */
const TOTAL =
  `Abs Add And Atan Cast Ceil Celu Clip Cos Elu Equal Erf Exp Floor Gelu Greater GreaterOrEqual HardSigmoid HardSwish Identity
  LeakyRelu Less LessOrEqual Max Min Mish Mul Neg Not Or PRelu Relu Round Selu Sigmoid Sign Sin Softplus Softsign Sqrt Sub Swish Tanh
  ThresholdedRelu Where`.split(/\s+/);

/** The same, but not finite at 0. */
const PARTIAL = ['Div', 'Log', 'Pow', 'Reciprocal'];

/** Elementwise operators, and whether they are finite at 0. */
export const ELEMENTWISE: ReadonlyMap<string, { readonly finiteAtZero: boolean }> = new Map<
  string,
  { readonly finiteAtZero: boolean }
>([
  ...TOTAL.map((op) => [op, { finiteAtZero: true }] as const),
  ...PARTIAL.map((op) => [op, { finiteAtZero: false }] as const),
]);
