import type { GraphBuilder, Value } from '../../onnx/index.ts';
import { family, type Lowering } from './lowering.ts';

interface Call {
  readonly dy: Value;
  readonly scalarSums?: boolean;
}

/** One axis after the other, the last one when it is the only one that is left. */
function byAxis(b: GraphBuilder, { dy }: Call): Value {
  const rows = dy.shape.slice(2, -1).reduce((sum: Value) => b.reduceSum(sum, [2]), dy);
  return b.reduceSum(b.reduceSum(rows, [0]), [1]);
}

const LOWERINGS: readonly Lowering<Call>[] = [
  {
    name: 'by-axis',
    applies: ({ dy }) => dy.shape.length > 2,
    suits: ({ scalarSums }) => scalarSums === true,
    emit: byAxis,
  },
  {
    name: 'sum',
    emit: (b, { dy }) =>
      b.reduceSum(
        dy,
        dy.shape.map((_, i) => i).filter((i) => i !== 1),
      ),
  },
];

export const channelSum = family(({ inputs: [dy], machine: { scalarSums } }) => ({ dy, scalarSums }), LOWERINGS);
