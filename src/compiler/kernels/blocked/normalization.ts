import { plainAttributes } from '../../../onnx/index.ts';
import { convolve } from './convolve.ts';
import { type Activation, type Blocked, filledUp, type Handler, isMap } from './region.ts';

/**
 * With given statistics, y = s·(x − μ)/√(v + ε) + c = k·x + (c − k·μ): a depthwise convolution of one tap, which also applies the next
 * activation in its single pass over memory.
 */
export const batchNormalization: Handler = (region, node) => {
  const { b, fill } = region;
  const [name, ...rest] = node.inputs;
  const x = b.value(name);
  const { epsilon = 1e-5, training_mode = 0 } = plainAttributes(node);
  if (training_mode || !region.isBlocked(name) || !isMap(x) || x.type !== 'float32') return undefined;
  const [, , height, width] = x.shape;
  const [scale, shift, mean, variance] = rest.map((name) => region.standard(b.value(name)));
  let emitted: Blocked | undefined;
  const emit = (activation?: Activation): Blocked => {
    if (emitted) return emitted;
    const k = b.div(scale, b.sqrt(b.add(variance, epsilon)));
    const { value, channels } = region.blocked(name);
    const full = fill(channels);
    emitted = {
      value: convolve(region, {
        x: value,
        filter: b.reshape(filledUp(region, k, channels), [full, 1, 1, 1]),
        bias: filledUp(region, b.sub(shift, b.mul(k, mean)), channels),
        group: full,
        pads: [0, 0, 0, 0],
        out: [height, width],
        activation,
      }),
      channels,
    };
    return emitted;
  };
  return [{ blocked: { emit } }];
};
