/**
 * Operators whose derivative with respect to every input is zero, wherever it exists. They are piecewise constant, or their results are
 * integers, booleans, shapes or masks. A gradient stops at them.
 */
export const ZERO: Readonly<Record<string, readonly string[]>> = {
  '': [
    ...['Shape', 'Size', 'Constant', 'ConstantOfShape', 'EyeLike', 'NonZero'],
    ...['Equal', 'Less', 'LessOrEqual', 'Greater', 'GreaterOrEqual', 'IsNaN', 'IsInf'],
    ...['And', 'Or', 'Xor', 'Not', 'BitShift', 'BitwiseAnd', 'BitwiseOr', 'BitwiseXor', 'BitwiseNot'],
    ...['Sign', 'Floor', 'Ceil', 'Round', 'ArgMax', 'ArgMin', 'Hardmax', 'NonMaxSuppression'],
    ...['Bernoulli', 'RandomNormalLike', 'RandomUniformLike', 'Multinomial'],
    ...['HannWindow', 'HammingWindow', 'BlackmanWindow', 'TfIdfVectorizer'],
  ],
};
