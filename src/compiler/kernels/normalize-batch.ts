import { float } from '../../onnx/index.ts';
import { type AdjointCall, family, type Lowering } from './lowering.ts';

const LOWERINGS: readonly Lowering<AdjointCall>[] = [
  {
    name: 'batch-normalization',
    // The operator for inference, with the batch's statistics in place of the running ones.
    emit: (b, { inputs, attributes: { epsilon } }) =>
      b.emit('BatchNormalization', inputs.slice(0, 5), [inputs[0]], { epsilon: float(epsilon) })[0],
  },
];

export const normalizeBatch = family((call) => call, LOWERINGS);
