import { channelSum } from '../adjoint.ts';
import type { Rules } from '../rule.ts';

export const batchStatistics: Rules = {
  // y = x̂γ + β, x̂ = (x − μ)/s, s = √(σ² + ε)     ∂β = Σ ∂y, ∂γ = Σ ∂y·x̂, ∂x = γ/s·(∂y − ∂β/n − x̂·∂γ/n)
  // (Ioffe and Szegedy, 2015; ∂x includes the paths through μ and σ², so these have no gradient of their own)
  NormalizeBatch: ({ b, inputs: [x, scale, , mean, variance, n], dy: [dy], attributes: { epsilon } }) => {
    const byChannel = (v: typeof x) => b.reshape(v, [x.shape[1], ...x.shape.slice(2).map(() => 1)]);
    const inverse = b.reciprocal(b.sqrt(b.add(variance, epsilon)));
    const sum = () => channelSum(b, dy);
    const moment = () => b.mul(inverse, b.sub(channelSum(b, b.mul(dy, x)), b.mul(mean, sum())));
    return [
      () => {
        const k = b.mul(scale, inverse);
        const slope = b.neg(b.div(b.mul(b.mul(k, inverse), moment()), n));
        const shift = b.neg(b.add(b.div(b.mul(k, sum()), n), b.mul(slope, mean)));
        return b.add(b.mul(dy, byChannel(k)), b.add(b.mul(x, byChannel(slope)), byChannel(shift)));
      },
      moment,
      sum,
      'zero',
      'zero',
    ];
  },
};
