import type { GraphBuilder, Value } from '../../../onnx/index.ts';
import { adapterNames } from './names.ts';
import { type AdapterTarget, type LoraOptions, scaleOf } from './targets.ts';

/** W + α/r · BA, or W + α/r · AB if W is stored as [inputs, outputs]; for a grouped convolution, group by group. */
export function adaptedWeight(b: GraphBuilder, target: AdapterTarget, options: LoraOptions): Value {
  const { weight, shape, outputsFirst, group } = target;
  const names = adapterNames(weight);
  const [down, up] = [b.value(names.a), b.mul(b.value(names.b), scaleOf(options))];
  if (!outputsFirst) return b.add(b.value(weight), b.matmul(down, up));
  const lead = group === 1 ? [] : [group];
  const left = b.reshape(up, [...lead, shape[0] / group, options.rank]);
  const right = b.reshape(down, [...lead, options.rank, columnsOf(shape)]);
  return b.add(b.value(weight), b.reshape(b.matmul(left, right), shape));
}

const columnsOf = (shape: readonly number[]): number => shape.slice(1).reduce((all, size) => all * size, 1);
