import { explicitPads } from '../../onnx/index.ts';
import { channelSum, convInputGradient, convWeightGradient } from '../adjoint.ts';
import type { Rules } from '../rule.ts';

export const convolution: Rules = {
  // y = x ∗ w + c      ∂x = ∂y ⋆ᵀ w, ∂w = x ⋆ ∂y, ∂c = Σ ∂y
  Conv: ({ b, inputs: [x, w], dy: [dy], attributes, refuse }) => {
    const spatial = x.shape.slice(2);
    if (spatial.some((d) => typeof d !== 'number')) refuse('its picture size is not fixed: give one with --input');
    const kernel = w.shape.slice(2) as number[];
    const a = {
      group: attributes.group ?? 1,
      strides: attributes.strides ?? kernel.map(() => 1),
      dilations: attributes.dilations ?? kernel.map(() => 1),
      pads: explicitPads(spatial as number[], kernel, attributes),
    };
    return [() => convInputGradient(b, dy, w, x, a), () => convWeightGradient(b, x, dy, w, a), () => channelSum(b, dy)];
  },
};
