import { GraphBuilder, type Model } from '../../onnx/index.ts';
import type { Machine } from '../kernels/index.ts';
import type { Inference } from '../shapes/index.ts';
import { finish } from './assemble.ts';
import { backward, evaluation, nextStatistics, statisticsOf } from './backward.ts';
import type { TrainingPlan } from './plan.ts';
import { placeParameters, placeUpdate } from './update.ts';

/**
 * `training_model.onnx`: from data, labels, mask, parameters and noise to `loss`, the model's outputs, and `<parameter>.grad`.
 *
 * @param machine that is to run it; files are for any
 * @throws ThawError `unsupported-operator` when a gradient has to pass an operator without a rule
 */
export function trainingModel(network: Inference, plan: TrainingPlan, machine: Machine = {}): Model {
  const b = new GraphBuilder();
  const { forward, targets, loss, gradients } = backward(b, network, plan);
  const outputs = [
    b.identity(loss, 'loss'),
    ...forward.outputs,
    ...[...gradients].map(([name, gradient]) => b.identity(gradient, `${name}.grad`)),
    ...nextStatistics(b, forward),
  ];
  const inputs = [...forward.inputs, ...targets, ...forward.parameters, ...statisticsOf(forward), ...forward.noise];
  return finish(b, network.model, { name: 'thaw_training', inputs, outputs, machine });
}

/** `eval_model.onnx`: from data, labels, mask and parameters to `loss` and the model's outputs. */
export function evaluationModel(network: Inference, plan: TrainingPlan): Model {
  const b = new GraphBuilder();
  const { forward, targets, loss } = evaluation(b, network, plan);
  const inputs = [...forward.inputs, ...targets, ...forward.parameters, ...statisticsOf(forward)];
  const outputs = [b.identity(loss, 'loss'), ...forward.outputs];
  return finish(b, network.model, { name: 'thaw_evaluation', inputs, outputs });
}

/** `optimizer_model.onnx`: from parameters, gradients, state, `lr` and `step` to their next values. */
export function optimizerModel(network: Inference, plan: TrainingPlan): Model {
  const b = new GraphBuilder();
  const parameters = placeParameters(b, network, plan);
  const gradients = parameters.map(({ name, type, shape }) => b.input(`${name}.grad`, type, shape));
  const update = placeUpdate(
    b,
    network,
    plan,
    parameters,
    new Map(parameters.map(({ name }, i) => [name, gradients[i]])),
  );
  const inputs = [...parameters, ...gradients, ...update.inputs];
  return finish(b, network.model, { name: 'thaw_optimizer', inputs, outputs: update.outputs });
}
