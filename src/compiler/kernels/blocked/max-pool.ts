import { plainAttributes, product, tensor, type Value } from '../../../onnx/index.ts';
import { type Window, windowOf } from '../pooling/window.ts';
import { eachOfBatch } from '../scan.ts';
import { copied, type Steps } from './copies.ts';
import { interleave, sizesOf } from './layout.ts';
import { type Activation, type Handler, isMap, NCHWC, type Region } from './region.ts';

/** More taps along both axes than this are quicker found by `MaxPool` itself. */
const MOST_TAPS = 25;

/** h(s) = max(0, min(1, α·s + 1)) is 1 where s = 0, and 0 where s is negative. */
const IS_ZERO: Activation = { name: 'HardSigmoid', parameters: [1e38, 1] };

/** Taken from what lies beyond x, so that it is never the greatest. */
const BEYOND = 3e38;

/**
 * ∂y goes to the first greatest element of each window, which is the first greatest in the first row whose greatest is the window's. So it goes to
 * rows first, of which each has one number a window, and from there to columns. One image at a time, so that all this stays in the caches.
 */
export const maxPoolGradient: Handler = (region, node) => {
  const { b } = region;
  const [dy, x, y] = node.inputs;
  if (!region.isBlocked(x) || !isMap(b.value(x).shape) || b.value(x).type !== 'float32') return undefined;
  const attributes = plainAttributes(node);
  const window = windowOf({ op: node.op, inputs: [b.value(dy), b.value(x)], attributes, machine: {} });
  if (window.kernel[0] + window.kernel[1] > MOST_TAPS) return undefined;
  const channels = b.value(x).shape[1] as number;
  const maps = [dy, x, y].map((name) => region.blocked(name).value);
  const one = ({ shape }: Value) => [1, ...shape.slice(1)];
  const value = eachOfBatch(b, maps, (elements) => {
    const [gradient, image, greatest] = elements.map((element, i) => b.reshape(element, one(maps[i])));
    const ofRows = greatestOfRows(region, window, image);
    const alongColumns = alongAxis(region, window, 0, gradient, ofRows, greatest);
    const result = alongAxis(region, window, 1, alongColumns, image, ofRows);
    return b.reshape(result, result.shape.slice(1));
  });
  return [{ blocked: { value, channels } }];
};

/** The greatest of each row of a window. */
function greatestOfRows({ b }: Region, window: Window, x: Value): Value {
  const { kernel, strides, dilations, begins, ends, out, ceilMode } = window;
  const attributes = {
    kernel_shape: [1, kernel[1]],
    strides: [1, strides[1]],
    dilations: [1, dilations[1]],
    pads: [0, begins[1], 0, ends[1]],
    ceil_mode: ceilMode,
  };
  const output = { type: x.type, shape: [...x.shape.slice(0, 3), out[1]] };
  return b.emit('MaxPool', [x], [output], attributes, { domain: NCHWC })[0];
}

/**
 * ∂x where y is the greatest of windows along one axis. Tap after tap: where x under the tap equals y, the tap takes what of ∂y is not taken
 * yet. A tap sees x through a convolution that copies, whose sum with −y and whose activation tell in the same pass where they are equal.
 */
function alongAxis(region: Region, window: Window, axis: 0 | 1, dy: Value, x: Value, y: Value): Value {
  const { b } = region;
  const [kernel, stride, dilation, begin, length, out] = (
    ['kernel', 'strides', 'dilations', 'begins', 'spatial', 'out'] as const
  ).map((size) => window[size][axis]);
  const across = dy.shape[3 - axis] as number;
  const still: Steps = { stride: 1, shift: 0, length: across, out: across };
  const placed = (steps: Steps) => (axis === 0 ? [steps, still] : [still, steps]);
  const phases = new Map<number, Value>();
  let left = dy;
  for (let t = 0; t < kernel; t++) {
    const tap: Steps = { stride, shift: t * dilation - begin, length, out };
    const isLast = t === kernel - 1;
    // The last one takes what is left.
    const taken = isLast ? left : b.mul(left, copied(region, x, placed(tap), negated(region, y, axis, tap), IS_ZERO));
    if (!isLast) left = b.sub(left, taken);
    // What the tap saw at i is x at stride·i + shift = stride·a + phase: the phase's element a = i + ⌊shift/stride⌋.
    const steps = Math.floor(tap.shift / stride);
    const phase = tap.shift - stride * steps;
    const back = placed({ stride: 1, shift: -steps, length: out, out: Math.ceil(length / stride) });
    phases.set(phase, copied(region, taken, back, phases.get(phase)));
  }
  const zeros = () => b.mul([...phases.values()][0], 0);
  const parts = Array.from({ length: stride }, (_, phase) => phases.get(phase) ?? zeros());
  return parts.length === 1 ? parts[0] : interleave(region, parts, axis, length);
}

/** −y, but far less where the tap is beyond x. */
function negated(region: Region, y: Value, axis: 0 | 1, { stride, shift, length, out }: Steps): Value {
  const { b, size } = region;
  const inside = Array.from({ length: out }, (_, i) => stride * i + shift >= 0 && stride * i + shift < length);
  if (inside.every((is) => is)) return b.neg(y);
  const [n, c, h, w] = sizesOf(y);
  const each = axis === 0 ? 1 : size;
  const data = Float32Array.from({ length: out * each }, (_, i) => (inside[Math.floor(i / each)] ? 0 : -BEYOND));
  const least = b.constant(tensor('float32', axis === 0 ? [1, out, 1] : [1, 1, out * size], data), 'least');
  const rows = b.reshape(y, [product([n, c / size]), h, w * size]);
  return b.reshape(b.sub(least, rows), y.shape);
}
