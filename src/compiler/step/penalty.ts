import type { GraphBuilder, Tensor, Value } from '../../onnx/index.ts';
import type { Inference } from '../shapes/index.ts';
import type { TrainingPlan } from './plan.ts';
import { decays } from './update.ts';

/**
 * The penalty that the plan adds to the loss, for trainable weights with two or more axes:
 *
 *     λ₁ Σ|w| + λ₂ Σw²                                  (l1, l2)
 *     α/2 Σ(w − w⁰)² + β/2 Σw²                          (l2sp: Li, Grandvalet and Davoine, 2018)
 *
 *     μ/2 Σ(w − w′)²                                    (proximal, all weights)
 *
 * In the second line, w⁰ is the pretrained value. β is for parameters without one: those of the head and of adapters.
 */
export function penaltyOf(
  b: GraphBuilder,
  { l1 = 0, l2, l2sp, proximal }: TrainingPlan,
  parameters: readonly Value[],
  network: Inference,
): Value | undefined {
  const start = network.pretrained ?? network.model.graph.initializers;
  const squares = (x: Value) => b.reduceSum(b.square(x));
  const from = (p: Value, origin: Tensor, as: string) => b.sub(p, b.constant(origin, `${p.name}.${as}`));
  const distance = (p: Value) => from(p, start.get(p.name) as Tensor, 'pretrained');
  const terms = parameters.filter(decays).flatMap((p) => {
    const fresh = l2sp?.fresh.has(p.name);
    return [
      l1 ? b.mul(b.reduceSum(b.abs(p)), l1) : undefined,
      l2 ? b.mul(squares(p), l2) : undefined,
      l2sp?.alpha && !fresh ? b.mul(squares(distance(p)), l2sp.alpha / 2) : undefined,
      l2sp?.beta && fresh ? b.mul(squares(p), l2sp.beta / 2) : undefined,
    ].filter((term) => term !== undefined);
  });
  for (const p of proximal?.mu ? parameters : []) {
    const origin = proximal!.from.get(p.name) ?? (start.get(p.name) as Tensor);
    terms.push(b.mul(squares(from(p, origin, 'received')), proximal!.mu / 2));
  }
  return terms.length ? b.sum(terms) : undefined;
}
