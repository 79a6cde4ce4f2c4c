import { plainAttributes, product, tensor, type Value } from '../../onnx/index.ts';
import { type Window, windowOf } from '../pooling/window.ts';
import { eachOfBatch } from '../scan.ts';
import { copied, type Steps } from './copies.ts';
import { interleave } from './layout.ts';
import { type Activation, type Handler, isMap, type Region } from './region.ts';

/** More taps than this are quicker found by `MaxPool` itself. */
const MOST_TAPS = 25;

/** h(s) = max(0, min(1, α·s + 1)) is 1 where s = 0, and 0 where s is negative. */
const IS_ZERO: Activation = { name: 'HardSigmoid', parameters: [1e38, 1] };

/** Taken from what lies beyond x, so that it is never the greatest. */
const BEYOND = 3e38;

/**
 * ∂y goes to the first greatest element of each window. Tap after tap, in the order in which `MaxPool` looks: where x under the tap equals
 * y, the tap takes what of ∂y is not taken yet. A tap sees x through a convolution that copies, whose sum with −y and whose activation
 * tell in the same pass where they are equal. One picture at a time, so that all this stays in the caches.
 */
export const maxPoolGradient: Handler = (region, node) => {
  const { b } = region;
  const [dy, x, y] = node.inputs;
  if (!region.isBlocked(x) || !isMap(b.value(x).shape) || b.value(x).type !== 'float32') return undefined;
  const attributes = plainAttributes(node);
  const window = windowOf({ op: node.op, inputs: [b.value(dy), b.value(x)], attributes, machine: {} });
  if ((product(window.kernel) as number) > MOST_TAPS) return undefined;
  const channels = b.value(x).shape[1] as number;
  const maps = [dy, x, y].map((name) => region.blocked(name).value);
  const one = ({ shape }: Value) => [1, ...shape.slice(1)];
  const value = eachOfBatch(b, maps, (elements) => {
    const [gradient, picture, greatest] = elements.map((element, i) => b.reshape(element, one(maps[i])));
    const result = ofPicture(region, window, gradient, picture, b.neg(greatest));
    return b.reshape(result, result.shape.slice(1));
  });
  return [{ blocked: { value, channels } }];
};

/** @param negated −y */
function ofPicture(region: Region, window: Window, dy: Value, x: Value, negated: Value): Value {
  const { b } = region;
  const { strides, spatial } = window;
  const taps = tapsOf(window);
  const sums = new Map<string, Value>();
  const phases = new Map<string, Value>();
  let left = dy;
  for (const [i, tap] of taps.entries()) {
    const isLast = i === taps.length - 1;
    const seen = tap.map(insideOf).join();
    const sum = sums.get(seen) ?? withoutBeyond(region, negated, tap);
    sums.set(seen, sum);
    // The last one takes what is left.
    const taken = isLast ? left : b.mul(left, copied(region, x, tap, sum, IS_ZERO));
    if (!isLast) left = b.sub(left, taken);
    // What the tap saw at i is x at stride·i + shift = stride·a + remainder: the phase's element a = i + ⌊shift/stride⌋.
    const phase = tap.map(({ shift, stride }) => shift - stride * Math.floor(shift / stride)).join();
    const back = tap.map(({ shift, stride, out }, axis) => ({
      stride: 1,
      shift: -Math.floor(shift / stride),
      length: out,
      out: Math.ceil(spatial[axis] / strides[axis]),
    }));
    phases.set(phase, copied(region, taken, back, phases.get(phase)));
  }
  return interleaved(region, window, phases);
}

/** The windows' taps in order, each as the positions that it has along both axes. */
function tapsOf({ kernel, strides, dilations, begins, spatial, out }: Window): Steps[][] {
  const along = kernel.map((k, axis) =>
    Array.from({ length: k }, (_, t) => ({
      stride: strides[axis],
      shift: t * dilations[axis] - begins[axis],
      length: spatial[axis],
      out: out[axis],
    })),
  );
  return along[0].flatMap((row) => along[1].map((column) => [row, column]));
}

/** Whether each of the positions is one of x. */
const insideOf = ({ stride, shift, length, out }: Steps): boolean[] =>
  Array.from({ length: out }, (_, i) => stride * i + shift >= 0 && stride * i + shift < length);

function withoutBeyond(region: Region, negated: Value, tap: readonly Steps[]): Value {
  const { b, size } = region;
  const [rows, columns] = tap.map(insideOf);
  const inside = rows.flatMap((row) => columns.map((column) => row && column));
  if (inside.every((is) => is)) return negated;
  const data = Float32Array.from({ length: inside.length * size }, (_, i) =>
    inside[Math.floor(i / size)] ? 0 : BEYOND,
  );
  const beyond = b.constant(tensor('float32', [1, 1, inside.length, size], data), 'beyond');
  return region.map(b.sub(region.view({ value: negated, channels: 0 }), beyond), negated.shape);
}

/** x of its phases; zeros where no window has been. */
function interleaved(region: Region, { strides, spatial }: Window, phases: ReadonlyMap<string, Value>): Value {
  const { b } = region;
  const [rows, columns] = strides;
  const [first] = phases.values();
  const zeros = () => b.mul(first, 0);
  const range = (length: number) => Array.from({ length }, (_, i) => i);
  const join = (parts: readonly Value[], axis: number) =>
    parts.length === 1 ? parts[0] : interleave(region, parts, axis, spatial[axis]);
  return join(
    range(rows).map((row) =>
      join(
        range(columns).map((column) => phases.get(`${row},${column}`) ?? zeros()),
        1,
      ),
    ),
    0,
  );
}
