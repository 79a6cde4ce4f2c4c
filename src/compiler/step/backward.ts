/** The loss and the gradients of a network. */

import type { GraphBuilder, Value } from '../../onnx/index.ts';
import { dependents, differentiate, recomputed, recomputedFreely } from '../autodiff/index.ts';
import { prune } from '../kernels/index.ts';
import { LOSSES, type LossOptions } from '../losses/index.ts';
import type { Inference } from '../shapes/index.ts';
import { distilled } from './distillation.ts';
import { type Forward, placeForward } from './forward.ts';
import { penaltyOf } from './penalty.ts';
import { MASK, type TrainingPlan, trainingOptions } from './plan.ts';

/**
 * The forward and the backward pass of training.
 *
 * @param summed whether the gradients are of the sum over the batch instead of the mean; the result then includes the number of `samples`
 */
export function backward(b: GraphBuilder, network: Inference, plan: TrainingPlan, summed = false) {
  const forward = placeForward(b, network, plan, 'training');
  const { targets, loss } = placeLoss(b, plan, trainingOptions(plan));
  const penalty = penaltyOf(b, plan, forward.parameters, network);
  const { distillation: taken } = plan;
  // Features that training does not change equal those of the pretrained network.
  const same = taken?.of === 'features' && [...forward.frozen].some(({ outputs }) => outputs.includes(taken.student));
  const taught = taken && !same ? distilled(b, loss, taken) : loss;
  const mean = penalty ? b.add(taught, penalty) : taught;
  const samples = summed ? b.cast(b.squeeze(b.slice(b.shapeOf(targets[0]), 0, 0, 1), [0]), 'float32') : undefined;
  const total = samples ? b.mul(mean, samples) : mean;
  const gradients = gradientsOf(b, network, plan, forward, total);
  // A parameter that the loss does not depend on has the gradient zero.
  for (const parameter of forward.parameters) {
    if (!gradients.has(parameter.name)) gradients.set(parameter.name, b.full(0, parameter));
  }
  return { forward, targets, loss: mean, samples, gradients };
}

/** The gradients by a backward pass that recomputes values if that pays off. A first pass, which keeps everything, finds these values. */
function gradientsOf(
  b: GraphBuilder,
  { constants }: Inference,
  { recompute }: TrainingPlan,
  { parameters, inputs, noise, frozen }: Forward,
  loss: Value,
): Map<string, Value> {
  const wanted = parameters.map(({ name }) => name);
  const ahead = [...b.nodes];
  const gradients = differentiate(b, loss, wanted, { known: constants });
  const placed = new Set(ahead);
  const first = { nodes: [...b.nodes], initializers: new Map() };
  prune(
    first,
    [...gradients.values()].map(({ name }) => name),
  );
  const passes = {
    forward: ahead.filter((node) => !frozen.has(node)),
    backward: first.nodes.filter((node) => !placed.has(node)),
    data: [...[...inputs, ...noise].map(({ name }) => name), ...[...frozen].flatMap(({ outputs }) => outputs)],
    active: dependents(b, ahead, wanted),
  };
  const recall = recompute ? recomputed(b, passes) : recomputedFreely(b, passes);
  if (!recall) return gradients;
  b.restart();
  b.nodes = [...ahead];
  return differentiate(b, loss, wanted, { known: constants, recall });
}

/** The forward pass of an evaluation, with the loss. */
export function evaluation(b: GraphBuilder, network: Inference, plan: TrainingPlan) {
  const forward = placeForward(b, network, plan, 'evaluation');
  // Dropout, the penalty, label smoothing and blended labels belong to training: this is the loss alone.
  return { forward, ...placeLoss(b, plan, { ...plan.lossOptions, labelSmoothing: 0 }) };
}

/** @returns the inputs to compare the output with: the labels, and the mask if the loss has one */
function placeLoss(b: GraphBuilder, plan: TrainingPlan, options: LossOptions): { targets: Value[]; loss: Value } {
  const loss = LOSSES[plan.loss];
  const output = b.value(plan.output);
  const { type, shape } = loss.labels(output, options);
  const labels = b.input('labels', type, shape);
  const mask = options.mask && loss.mask ? b.input(MASK, 'float32', loss.mask(output, options)) : undefined;
  return { targets: mask ? [labels, mask] : [labels], loss: loss.build(b, output, labels, options, mask) };
}

/** Running statistics that training moves. */
export const statisticsOf = (forward: Forward): Value[] => forward.statistics.map(({ value }) => value);

/** Their new values, under the names of outputs. */
export const nextStatistics = (b: GraphBuilder, forward: Forward): Value[] =>
  forward.statistics.flatMap(({ value, next }) => (next ? [b.identity(next, `${value.name}.next`)] : []));
