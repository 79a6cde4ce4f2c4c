import type { GraphBuilder, Value } from '../../onnx/index.ts';
import { LOSSES } from '../losses/index.ts';

/** Distillation from the pretrained network, the teacher. */
export interface Distillation {
  /** `features` are the inputs of the head, `scores` the outputs of the model's own head. */
  readonly of: 'features' | 'scores';
  readonly student: string;
  readonly teacher: string;
  readonly weight: number;
  /** For `scores`: divides both networks' scores before the softmax. */
  readonly temperature: number;
}

/**
 * The loss with distillation:
 *
 *     features     loss + w · mean (f − f⁰)²                            (Romero et al., FitNets, 2015)
 *     scores       (1 − w) · loss + w · T² · KL(p⁰ ‖ p),  p = softmax(s / T)      (Hinton, Vinyals and Dean, 2015)
 */
export function distilled(b: GraphBuilder, loss: Value, plan: Distillation): Value {
  const { of, weight, temperature } = plan;
  const [student, teacher] = [b.value(plan.student), b.value(plan.teacher)];
  if (of === 'features') return b.add(loss, b.mul(LOSSES.mse.build(b, student, teacher, {}), weight));
  const soft = b.softmax(b.mul(teacher, 1 / temperature), 1);
  const apart = LOSSES.kl.build(b, student, soft, { temperature });
  return b.add(b.mul(loss, 1 - weight), b.mul(apart, weight));
}
