import { plainAttributes } from '../../../onnx/index.ts';
import { convolve } from './convolve.ts';
import { type Activation, type Blocked, filledUp, type Handler, isMap } from './region.ts';

/**
 * With given statistics, y = s·(x − μ)/√(v + ε) + c = k·x + (c − k·μ): a convolution of one tap a channel, which takes the activation
 * that follows into its one pass over memory.
 */
export const batchNormalization: Handler = (region, node) => {
  const { b, fill } = region;
  const [x, ...rest] = node.inputs;
  const { shape, type } = b.value(x);
  const { epsilon = 1e-5, training_mode = 0 } = plainAttributes(node);
  if (training_mode || !region.isBlocked(x) || !isMap(shape) || type !== 'float32') return undefined;
  const [scale, shift, mean, variance] = rest.map((name) => region.standard(name));
  let emitted: Blocked | undefined;
  const emit = (activation?: Activation): Blocked => {
    if (emitted) return emitted;
    const k = b.div(scale, b.sqrt(b.add(variance, epsilon)));
    const { value, channels } = region.blocked(x);
    const full = fill(channels);
    emitted = {
      value: convolve(region, {
        x: value,
        filter: b.reshape(filledUp(region, k), [full, 1, 1, 1]),
        bias: filledUp(region, b.sub(shift, b.mul(k, mean))),
        group: full,
        pads: [0, 0, 0, 0],
        out: shape.slice(2) as number[],
        activation,
      }),
      channels,
    };
    return emitted;
  };
  return [{ blocked: { emit } }];
};
