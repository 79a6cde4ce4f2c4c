/** Checks that a plan fits a network. */

import { ThawError } from '../../errors.ts';
import type { Tensor } from '../../onnx/index.ts';
import type { Inference } from '../shapes/index.ts';
import { MASK, slotsOf, type TrainingPlan } from './plan.ts';
import { AVERAGE_WEIGHT, SAMPLES } from './update.ts';

/**
 * @throws ThawError `bad-config` if the plan trains a parameter that the network lacks or that is not float32, `bad-model` if the network
 *   has a
 *   value with a name that training needs
 */
export function checkPlan({ model, values }: Inference, plan: TrainingPlan): void {
  const { initializers } = model.graph;
  checkTrainable(plan.trainable, initializers);
  checkNames(initializers, values, plan);
}

function checkTrainable(trainable: ReadonlySet<string>, initializers: ReadonlyMap<string, Tensor>): void {
  for (const name of trainable) {
    const type = initializers.get(name)?.type;
    if (type === 'float32') continue;
    throw new ThawError(
      'bad-config',
      type
        ? `parameter "${name}" is ${type}, and only float32 parameters train`
        : `the model has no parameter "${name}"`,
      'See `thaw inspect` for the names of trainable parameters',
    );
  }
}

function checkNames(initializers: ReadonlyMap<string, Tensor>, values: Inference['values'], plan: TrainingPlan): void {
  const reserved = [...initializers].flatMap(([name, { shape }]) => {
    if (!plan.trainable.has(name)) return [];
    const slots = Object.keys(slotsOf(plan, shape));
    const state = [...slots, ...(plan.accumulate ? ['grad_sum'] : []), ...(plan.average ? ['average'] : [])];
    return ['grad', 'next', ...state, ...state.map((slot) => `${slot}.next`)].map((suffix) => `${name}.${suffix}`);
  });
  const own = ['loss', 'labels', 'lr', 'step', ...(plan.accumulate ? [SAMPLES, `${SAMPLES}.next`] : [])];
  if (plan.lossOptions.mask) own.push(MASK);
  if (plan.average) own.push(AVERAGE_WEIGHT);
  if (plan.movesMomentum) own.push('momentum');
  const taken = [...own, ...reserved].find((name) => values.has(name));
  if (taken === undefined) return;
  throw new ThawError(
    'bad-model',
    `the model has a value called "${taken}", a name that training needs for its own value`,
    'Rename it in the model',
  );
}
