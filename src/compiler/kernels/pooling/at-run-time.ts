/** Average pooling along axes whose sizes are known only at run time. */
import type { GraphBuilder, Value } from '../../../onnx/index.ts';
import { gradientAtRunTime } from '../convolution/at-run-time.ts';
import type { AdjointCall } from '../lowering.ts';
import { type Window, windowOf } from './window.ts';

interface Padding {
  /** int64 values, one number per spatial axis. */
  readonly before: Value;
  readonly after: Value;
  readonly value: number;
  /** A prefix for the names of the result's sizes. */
  readonly name: string;
}

/** x with a constant value before and after its spatial axes. */
function padded(b: GraphBuilder, x: Value, { before, after, value, name }: Padding): Value {
  const none = b.ints([0, 0]);
  const shape = [...x.shape.slice(0, 2), ...x.shape.slice(2).map((_, i) => `${name}.${i}`)];
  const inputs = [x, b.concat([none, before, none, after], 0), b.scalar(value, x.type)];
  return b.emit('Pad', inputs, [{ type: x.type, shape }])[0];
}

/** The number of elements that each window averages over, as a map `[1, 1, …]`: the sum of ones in each window. */
function counts(b: GraphBuilder, { x, dy, kernel, strides, dilations, begins, ends, countIncludePad }: Window): Value {
  const spatialOf = (value: Value) => b.slice(b.shapeOf(value), 0, 2, 2 + kernel.length);
  const name = `${x.name}.ones`.replaceAll('*', '_');
  const sizes = b.concat([b.ints([1, 1]), spatialOf(x)], 0);
  const ones = b.emit(
    'Expand',
    [b.scalar(1, x.type), sizes],
    [{ type: x.type, shape: [1, 1, ...x.shape.slice(2)] }],
  )[0];
  const pads = { before: b.ints(begins), after: b.ints(ends) };
  const around = padded(b, ones, { ...pads, value: Number(countIncludePad), name });
  // With ceil_mode, the last windows extend beyond the pads.
  const reach = kernel.map((k, i) => dilations[i] * (k - 1) + 1 - strides[i]);
  const wanted = b.add(b.mul(spatialOf(dy), b.ints(strides)), b.ints(reach));
  const missing = b.max(b.sub(wanted, spatialOf(around)), b.ints(strides.map(() => 0)));
  const none = b.ints(strides.map(() => 0));
  const whole = padded(b, around, { before: none, after: missing, value: 0, name: `${name}.whole` });
  const window = b.expand(b.scalar(1, x.type), [1, 1, ...kernel]);
  return b.conv(whole, window, undefined, { strides, dilations }, dy.shape.slice(2));
}

/** y is a convolution with windows of ones, divided by the counts. */
export function averageAtRunTime(b: GraphBuilder, call: AdjointCall): Value {
  const window = windowOf(call);
  const { x, dy, kernel, strides, dilations, begins, ends } = window;
  const group = x.shape[1];
  if (typeof group !== 'number') throw new Error(`the number of channels of [${x.shape}] is not known when compiling`);
  const w = b.expand(b.scalar(1, x.type), [group, 1, ...kernel]);
  const attributes = { strides, dilations, pads: [...begins, ...ends], group };
  return gradientAtRunTime(b, { x, dy: b.div(dy, counts(b, window)), w, attributes });
}
