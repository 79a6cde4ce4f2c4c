import { type GraphBuilder, makeNode, type Node, type Value } from '../../onnx/index.ts';
import { normalizeBatch } from '../autodiff/index.ts';
import type { TrainingPlan } from './plan.ts';

/** Whether the plan makes this node normalize with its batch's statistics. */
export const isTrainedBatchNorm = ({ op, domain, inputs }: Node, { batchNorm, trainable }: TrainingPlan): boolean =>
  batchNorm === 'training' &&
  op === 'BatchNormalization' &&
  domain === '' &&
  (trainable.has(inputs[1]) || trainable.has(inputs[2]));

/**
 * Batch normalization with the batch's statistics (Ioffe and Szegedy, 2015), as operators: y = (x − μ)/√(σ² + ε)·γ + β. The
 * running statistics move as PyTorch's do, towards the mean and the *unbiased* variance: r' = m·r + (1 − m)·s.
 *
 * @returns the running mean and variance with their new values
 */
export function batchNormTraining(b: GraphBuilder, node: Node): readonly { value: Value; next: Value }[] {
  const [x, scale, bias, mean, variance] = node.inputs.map((name) => b.value(name));
  const attribute = (name: string, otherwise: number) => {
    const found = node.attributes[name];
    return found?.kind === 'float' ? found.value : otherwise;
  };
  const momentum = attribute('momentum', 0.9);
  const moments = channelMoments(b, x);
  const elements = b.cast(b.emit('Size', [x], [{ type: 'int64', shape: [] }])[0], 'float32');
  const n = b.div(elements, x.shape[1] as number);
  const y = normalizeBatch(b, [x, scale, bias, moments.mean, moments.variance, n], attribute('epsilon', 1e-5));
  b.declare({ name: node.outputs[0], type: x.type, shape: x.shape });
  b.append(makeNode('Identity', [y.name], [node.outputs[0]], {}, { name: `${node.name}.output` }));

  const unbiased = b.mul(moments.variance, b.div(n, b.max(b.sub(n, 1), 1)));
  const moved = (running: Value, batch: Value) => b.add(b.mul(running, momentum), b.mul(batch, 1 - momentum));
  return [
    { value: mean, next: moved(mean, moments.mean) },
    { value: variance, next: moved(variance, unbiased) },
  ];
}

/** Mean and biased variance of each channel. Over the image first, then over the batch: two separate axes at once are slow. */
function channelMoments(b: GraphBuilder, x: Value): { mean: Value; variance: Value } {
  const spatial = x.shape.slice(2).map((_, i) => i + 2);
  const channelMean = (v: Value) => b.reduceMean(b.reduceMean(v, spatial), [0]);
  const mean = channelMean(x);
  const centred = b.sub(x, b.reshape(mean, [x.shape[1], ...spatial.map(() => 1)]));
  return { mean, variance: channelMean(b.square(centred)) };
}
