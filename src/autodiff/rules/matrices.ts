import { product, type Value } from '../../onnx/index.ts';
import type { RuleContext, Rules } from '../rule.ts';

// y = a·b of stacks of matrices        ∂a = ∂y·bᵀ, ∂b = aᵀ·∂y
function stackedProduct({ b }: RuleContext, x: Value, w: Value, dy: Value): [() => Value, () => Value] {
  const flat = (value: Value) => b.reshape(value, [product(value.shape.slice(0, -1)), value.shape.at(-1)!]);
  return [
    () => b.fusedMatMul(dy, w, { transB: true }),
    // With one matrix for the whole stack, the sum over the stack is part of the product.
    () =>
      w.shape.length === 2
        ? b.gemm(flat(x), flat(dy), undefined, { transA: true })
        : b.fusedMatMul(x, dy, { transA: true }),
  ];
}

export const matrices: Rules = {
  // A vector on the left is a row, on the right a column; the axis that this adds is taken away again.
  MatMul: (context) => {
    const { b, inputs, dy } = context;
    const [row, column] = [inputs[0].shape.length === 1, inputs[1].shape.length === 1];
    const x = row ? b.unsqueeze(inputs[0], [0]) : inputs[0];
    const w = column ? b.unsqueeze(inputs[1], [1]) : inputs[1];
    const withColumn = column ? b.unsqueeze(dy[0], [-1]) : dy[0];
    const [ofX, ofW] = stackedProduct(context, x, w, row ? b.unsqueeze(withColumn, [-2]) : withColumn);
    return [() => (row ? b.squeeze(ofX(), [-2]) : ofX()), () => (column ? b.squeeze(ofW(), [-1]) : ofW())];
  },

  // y = α·a·b + β·c    ∂a = α·∂y·bᵀ, ∂b = α·aᵀ·∂y, ∂c = β·∂y; where an operand was transposed, so is its gradient
  Gemm: ({ b, inputs: [x, w], dy: [dy], attributes: { alpha = 1, beta = 1, transA = 0, transB = 0 } }) => [
    () =>
      transA
        ? b.gemm(w, dy, undefined, { transA: !!transB, transB: true, alpha })
        : b.gemm(dy, w, undefined, { transB: !transB, alpha }),
    () =>
      transB
        ? b.gemm(dy, x, undefined, { transA: true, transB: !!transA, alpha })
        : b.gemm(x, dy, undefined, { transA: !transA, alpha }),
    () => b.mul(dy, beta),
  ],
};
