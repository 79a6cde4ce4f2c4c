import type { Value } from '../../onnx/index.ts';
import { family, type Lowering } from './lowering.ts';

const LOWERINGS: readonly Lowering<Value>[] = [
  {
    name: 'sum',
    emit: (b, dy) =>
      b.reduceSum(
        dy,
        dy.shape.map((_, i) => i).filter((i) => i !== 1),
      ),
  },
];

export const channelSum = family(({ inputs: [dy] }) => dy, LOWERINGS);
