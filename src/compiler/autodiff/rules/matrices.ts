import { product, tensor, type Value } from '../../../onnx/index.ts';
import type { RuleContext, Rules } from '../rule.ts';

// y = a·b of stacks of matrices        ∂a = ∂y·bᵀ, ∂b = aᵀ·∂y
function stackedProduct({ b }: RuleContext, x: Value, w: Value, dy: Value): [() => Value, () => Value] {
  const flat = (value: Value) => b.reshape(value, [product(value.shape.slice(0, -1)), ...value.shape.slice(-1)]);
  return [
    () => b.fusedMatMul(dy, w, { transB: true }),
    // If the whole stack shares one matrix, the product also sums over the stack.
    () =>
      w.shape.length === 2
        ? b.gemm(flat(x), flat(dy), undefined, { transA: true })
        : b.fusedMatMul(x, dy, { transA: true }),
  ];
}

export const matrices: Rules = {
  // A vector on the left is a row, on the right a column. The axis added for this is removed again.
  MatMul: (context) => {
    const { b, inputs, dy } = context;
    const [row, column] = [inputs[0].shape.length === 1, inputs[1].shape.length === 1];
    const x = row ? b.unsqueeze(inputs[0], [0]) : inputs[0];
    const w = column ? b.unsqueeze(inputs[1], [1]) : inputs[1];
    const withColumn = column ? b.unsqueeze(dy[0], [-1]) : dy[0];
    const [ofX, ofW] = stackedProduct(context, x, w, row ? b.unsqueeze(withColumn, [-2]) : withColumn);
    return [() => (row ? b.squeeze(ofX(), [-2]) : ofX()), () => (column ? b.squeeze(ofW(), [-1]) : ofW())];
  },

  // y = α·a·b + β·c    ∂a = α·∂y·bᵀ, ∂b = α·aᵀ·∂y, ∂c = β·∂y; a transposed operand has a transposed gradient
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

  // y = det x          ∂x = ∂y·the cofactors of x, each the signed determinant of x without a row and a column
  Det: ({ b, inputs: [x], dy: [dy], refuse }) => [
    () => {
      const [size] = x.shape.slice(-1);
      if (typeof size !== 'number') return refuse('its size is not fixed');
      const spread = b.unsqueeze(dy, [-2, -1]);
      if (size === 1) return spread;
      const indices = Array.from({ length: size }, (_, i) => i);
      const others = indices.flatMap((i) => indices.filter((k) => k !== i).map(BigInt));
      const without = b.constant(tensor('int64', [size, size - 1], BigInt64Array.from(others)), 'others');
      const signs = indices.flatMap((i) => indices.map((k) => ((i + k) % 2 ? -1 : 1)));
      const rank = x.shape.length;
      // [… row, rows, column, columns]; the transpose puts the minors last.
      const apart = b.gather(b.gather(x, without, rank - 2), without, rank);
      const minors = b.transpose(apart, [...x.shape.slice(0, -2).keys(), rank - 2, rank, rank - 1, rank + 1]);
      const [determinants] = b.emit('Det', [minors], [{ type: x.type, shape: x.shape }]);
      return b.mul(
        spread,
        b.mul(determinants, b.constant(tensor('float32', [size, size], Float32Array.from(signs)), 'signs')),
      );
    },
  ],
};
