import type { GraphBuilder, Tensor, Value } from '../onnx/index.ts';
import type { Inference } from '../shapes/index.ts';
import type { TrainingPlan } from './plan.ts';
import { decays } from './update.ts';

/**
 * What the plan adds to the loss for the weights that train, those with two or more axes:
 *
 *     λ₁ Σ|w| + λ₂ Σw²                                  (l1, l2)
 *     α/2 Σ(w − w⁰)² + β/2 Σw²                          (l2sp: Li, Grandvalet and Davoine, 2018)
 *
 * In the second, w⁰ is the pretrained value, and β is for what has none: the head, adapters.
 */
export function penaltyOf(
  b: GraphBuilder,
  { l1 = 0, l2, l2sp }: TrainingPlan,
  parameters: readonly Value[],
  network: Inference,
): Value | undefined {
  const start = network.pretrained ?? network.model.graph.initializers;
  const squares = (x: Value) => b.reduceSum(b.square(x));
  const distance = (p: Value) => b.sub(p, b.constant(start.get(p.name) as Tensor, `${p.name}.pretrained`));
  const terms = parameters.filter(decays).flatMap((p) => {
    const fresh = l2sp?.fresh.has(p.name);
    return [
      l1 ? b.mul(b.reduceSum(b.abs(p)), l1) : undefined,
      l2 ? b.mul(squares(p), l2) : undefined,
      l2sp?.alpha && !fresh ? b.mul(squares(distance(p)), l2sp.alpha / 2) : undefined,
      l2sp?.beta && fresh ? b.mul(squares(p), l2sp.beta / 2) : undefined,
    ].filter((term) => term !== undefined);
  });
  return terms.length ? b.sum(terms) : undefined;
}
