/** Average pooling along axes whose sizes are known only at run time. */
import type { GraphBuilder, SpatialAttributes, Value } from '../../../onnx/index.ts';
import { gradientAtRunTime } from '../convolution/at-run-time.ts';
import type { AdjointCall } from '../lowering.ts';

/** x with `amounts` of a constant at the ends of its spatial axes; the last two are int64 values. */
function padded(b: GraphBuilder, x: Value, before: Value, after: Value, value: number, name: string): Value {
  const none = b.ints([0, 0]);
  const shape = [...x.shape.slice(0, 2), ...x.shape.slice(2).map((_, i) => `${name}.${i}`)];
  const inputs = [x, b.concat([none, before, none, after], 0), b.scalar(value, x.type)];
  return b.emit('Pad', inputs, [{ type: x.type, shape }])[0];
}

/** How many elements each window averages over, as a map `[1, 1, …]`: the windows' sum of ones. */
function counts(b: GraphBuilder, x: Value, dy: Value, a: Window): Value {
  const rank = a.kernel_shape.length;
  const spatialOf = (value: Value) => b.slice(b.shapeOf(value), 0, 2, 2 + rank);
  const name = `${x.name}.ones`.replaceAll('*', '_');
  const sizes = b.concat([b.ints([1, 1]), spatialOf(x)], 0);
  const ones = b.emit(
    'Expand',
    [b.scalar(1, x.type), sizes],
    [{ type: x.type, shape: [1, 1, ...x.shape.slice(2)] }],
  )[0];
  const around = padded(b, ones, b.ints(a.pads.slice(0, rank)), b.ints(a.pads.slice(rank)), a.count_include_pad, name);
  // With ceil_mode, the last windows reach beyond the pads.
  const reach = a.kernel_shape.map((k, i) => a.dilations[i] * (k - 1) + 1 - a.strides[i]);
  const wanted = b.add(b.mul(spatialOf(dy), b.ints(a.strides)), b.ints(reach));
  const missing = b.max(b.sub(wanted, spatialOf(around)), b.ints(a.strides.map(() => 0)));
  const whole = padded(b, around, b.ints(a.strides.map(() => 0)), missing, 0, `${name}.whole`);
  const window = b.expand(b.scalar(1, x.type), [1, 1, ...a.kernel_shape]);
  return b.conv(whole, window, undefined, { strides: a.strides, dilations: a.dilations }, dy.shape.slice(2));
}

type Window = Required<Pick<SpatialAttributes, 'strides' | 'dilations' | 'pads'>> & {
  readonly kernel_shape: readonly number[];
  readonly count_include_pad: number;
};

/** y is a convolution with windows of ones, divided by the counts. */
export function averageAtRunTime(b: GraphBuilder, { inputs: [dy, x], attributes }: AdjointCall): Value {
  const a = attributes as unknown as Window;
  const group = x.shape[1] as number;
  const w = b.expand(b.scalar(1, x.type), [group, 1, ...a.kernel_shape]);
  return gradientAtRunTime(b, { x, dy: b.div(dy, counts(b, x, dy, a)), w, attributes: { ...a, group } });
}
