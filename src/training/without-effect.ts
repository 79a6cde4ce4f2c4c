import type { DropoutPlan, TrainingPlan } from '../compiler/step/index.ts';
import { type Graph, readsOf } from '../onnx/index.ts';

/**
 * The settings without effect: dropout and distillation in front of which no stage trains a layer. The frozen part computes in training what
 * it computes in evaluation.
 *
 * @param plans of the stages
 * @returns one line for each setting
 */
export function withoutEffect({ nodes }: Pick<Graph, 'nodes'>, plans: readonly TrainingPlan[]): string[] {
  const reached = new Set(plans.flatMap(({ trainable }) => [...trainable]));
  const reachedNodes = new Set<string>();
  for (const node of nodes) {
    if (!readsOf(node).some((name) => reached.has(name))) continue;
    reachedNodes.add(node.name || node.outputs[0]);
    for (const output of node.outputs) reached.add(output);
  }
  const [{ dropout = [], distillation }] = plans;
  const isIdle = ({ into }: DropoutPlan) => ![...into].some((node) => reachedNodes.has(node));
  const branches = dropout.filter(({ whole }) => whole);
  const lines = dropout
    .filter((drop) => !drop.whole && isIdle(drop))
    .map(({ value }) => `dropout of "${value}" has no effect: no stage trains anything before it`);
  if (branches.length && branches.every(isIdle)) {
    lines.push('stochasticDepth has no effect: no stage trains a layer before the end of a residual branch');
  }
  if (distillation?.of === 'features' && !reached.has(distillation.student)) {
    lines.push(
      'distill has no effect: no stage trains a layer before the head, so its features stay those of the pretrained model',
    );
  }
  return lines;
}
