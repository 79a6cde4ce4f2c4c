import { plainAttributes, product, tensor, type Value } from '../../../onnx/index.ts';
import { type SizedWindow, sizedWindowOf } from '../pooling/window.ts';
import { eachOfBatch } from '../scan.ts';
import { copied, type Steps } from './copies.ts';
import { interleave } from './layout.ts';
import { type Activation, type Handler, isMap, NCHWC, type PlaneMap, type Region } from './region.ts';

/** With more taps along both axes, `MaxPool` itself is faster. */
const MOST_TAPS = 25;

/** h(s) = max(0, min(1, α·s + 1)) is 1 where s = 0, and 0 where s is negative. */
const IS_ZERO: Activation = { name: 'HardSigmoid', parameters: [1e38, 1] };

/** Subtracted from the elements outside of x, so that none of them is the maximum. */
const BEYOND = 3e38;

/**
 * ∂y goes to the first maximum of each window: the first maximum in the first row whose maximum is the window's. So ∂y goes
 * to rows first, with one number per window, and from there to columns. One image at a time, so that all values stay in the caches.
 */
export const maxPoolGradient: Handler = (region, node) => {
  const { b } = region;
  const [dy, x, y] = node.inputs.map((name) => b.value(name));
  if (!region.isBlocked(x.name) || !isMap(x) || x.type !== 'float32') return undefined;
  const window = sizedWindowOf({ inputs: [dy, x], attributes: plainAttributes(node) });
  if (window.kernel[0] + window.kernel[1] > MOST_TAPS) return undefined;
  const maps = [dy, x, y].map(({ name }) => region.blocked(name).value);
  const value = eachOfBatch(b, maps, (elements) => {
    const [gradient, image, greatest] = elements.map((element, i) => {
      const [, ...row] = maps[i].shape;
      return b.reshape(element, [1, ...row]);
    });
    const ofRows = greatestOfRows(region, window, image);
    const alongColumns = alongAxis(region, window, 0, { dy: gradient, x: ofRows, y: greatest });
    const result = alongAxis(region, window, 1, { dy: alongColumns, x: image, y: ofRows });
    return b.reshape(result, result.shape.slice(1));
  });
  return [{ blocked: { value: b.reshape(value, region.declared(x.shape)), channels: x.shape[1] } }];
};

/** The maximum of each row of a window. */
function greatestOfRows({ b }: Region, window: SizedWindow, x: Value<PlaneMap>): Value<PlaneMap> {
  const { kernel, strides, dilations, begins, ends, out, ceilMode } = window;
  const attributes = {
    kernel_shape: [1, kernel[1]],
    strides: [1, strides[1]],
    dilations: [1, dilations[1]],
    pads: [0, begins[1], 0, ends[1]],
    ceil_mode: ceilMode,
  };
  const [n, channels, height] = x.shape;
  const output = { type: x.type, shape: [n, channels, height, out[1]] } as const;
  return b.emit('MaxPool', [x], [output], attributes, { domain: NCHWC })[0];
}

interface Maps {
  readonly dy: Value<PlaneMap>;
  readonly x: Value<PlaneMap>;
  readonly y: Value<PlaneMap>;
}

/**
 * ∂x if y is the maximum of windows along one axis. Tap after tap: if x under the tap equals y, the tap takes the part of ∂y that
 * no earlier tap took. A convolution copies x for a tap; in the same pass, its sum with −y and its activation compare the two.
 */
function alongAxis(region: Region, window: SizedWindow, axis: 0 | 1, { dy, x, y }: Maps): Value<PlaneMap> {
  const { b } = region;
  const [kernel, stride, dilation, begin, length, out] = (
    ['kernel', 'strides', 'dilations', 'begins', 'spatial', 'out'] as const
  ).map((size) => window[size][axis]);
  const [, , height, width] = dy.shape;
  const across = axis === 0 ? width : height;
  const still: Steps = { stride: 1, shift: 0, length: across, out: across };
  const placed = (steps: Steps): [Steps, Steps] => (axis === 0 ? [steps, still] : [still, steps]);
  const phases = new Map<number, Value<PlaneMap>>();
  let left: Value<PlaneMap> = dy;
  for (let t = 0; t < kernel; t++) {
    const tap: Steps = { stride, shift: t * dilation - begin, length, out };
    const isLast = t === kernel - 1;
    // The last tap takes the rest of ∂y.
    const equal = () => copied(region, x, placed(tap), negated(region, y, axis, tap), IS_ZERO);
    const taken = isLast ? left : b.reshape(b.mul(left, equal()), dy.shape);
    if (!isLast) left = b.reshape(b.sub(left, taken), dy.shape);
    // At i the tap sees x at stride·i + shift = stride·a + phase: the phase's element a = i + ⌊shift/stride⌋.
    const steps = Math.floor(tap.shift / stride);
    const phase = tap.shift - stride * steps;
    const back = placed({ stride: 1, shift: -steps, length: out, out: Math.ceil(length / stride) });
    phases.set(phase, copied(region, taken, back, phases.get(phase)));
  }
  const zeros = () => b.mul([...phases.values()][0], 0);
  const parts = Array.from({ length: stride }, (_, phase) => phases.get(phase) ?? zeros());
  return parts.length === 1 ? parts[0] : interleave(region, parts, axis, length);
}

/** −y, and a far lower number if the tap is outside of x. */
function negated(region: Region, y: Value<PlaneMap>, axis: 0 | 1, { stride, shift, length, out }: Steps): Value {
  const { b, size } = region;
  const inside = Array.from({ length: out }, (_, i) => stride * i + shift >= 0 && stride * i + shift < length);
  if (inside.every((is) => is)) return b.neg(y);
  const [n, c, h, w] = y.shape;
  const each = axis === 0 ? 1 : size;
  const data = Float32Array.from({ length: out * each }, (_, i) => (inside[Math.floor(i / each)] ? 0 : -BEYOND));
  const least = b.constant(tensor('float32', axis === 0 ? [1, out, 1] : [1, 1, out * size], data), 'least');
  const rows = b.reshape(y, [product([n, c / size]), h, w * size]);
  return b.reshape(b.sub(least, rows), y.shape);
}
