import { type GraphBuilder, product, tensor, type Value } from '../../../onnx/index.ts';
import type { Lowering } from '../lowering.ts';
import { sumOverBatch } from '../scan.ts';
import { copyingFilter, tapsUnder } from './columns.ts';
import { isDepthwise, isUnstrided } from './geometry.ts';
import type { WeightGradientCall as Call } from './weight-gradient.ts';

const isPlane = (call: Call) => isDepthwise(call) && call.filters === call.channels && call.kernel.length === 2;

/** The position in x under tap t of window o along one axis; undefined in the padding. */
function under({ strides, dilations, begins, spatial }: Call, axis: number, o: number, t: number): number | undefined {
  const at = o * strides[axis] + t * dilations[axis] - begins[axis];
  return at >= 0 && at < spatial[axis] ? at : undefined;
}

const range = (length: number) => Array.from({ length }, (_, i) => i);

/**
 * Small maps: with ∂y and x as matrices of batch by position, ∂yᵀ·x `[positions, area]` holds the products of every position of
 * ∂y and every position of x, summed over the batch. A constant matrix picks the products of each tap.
 */
function outer(b: GraphBuilder, call: Call): Value {
  const { x, dy, w, batch, channels, kernel, spatial, out, taps, positions } = call;
  const area = product(spatial);
  const products = b.emit(
    'FusedMatMul',
    [b.reshape(dy, [batch, channels, positions]), b.reshape(x, [batch, channels, area])],
    [{ type: x.type, shape: [channels, positions, area] }],
    { transA: 1, transBatchA: 1, transBatchB: 1 },
    { domain: 'com.microsoft' },
  )[0];
  const picked = new Float32Array(positions * area * taps);
  for (const r of range(out[0])) {
    for (const c of range(out[1])) {
      for (const i of range(kernel[0])) {
        for (const j of range(kernel[1])) {
          const [row, column] = [under(call, 0, r, i), under(call, 1, c, j)];
          if (row === undefined || column === undefined) continue;
          const product = (r * out[1] + c) * area + row * spatial[1] + column;
          picked[product * taps + i * kernel[1] + j] = 1;
        }
      }
    }
  }
  const picking = b.cast(b.constant(tensor('float32', [positions * area, taps], picked), 'picked'), x.type);
  return b.reshape(b.matmul(b.reshape(products, [channels, positions * area]), picking), w.shape);
}

/**
 * Medium maps: with the rows of x under tap i as Vᵢ `[Ho, W]`, the terms of ∂w[i, j] are on the diagonal (o, o·stride +
 * j·dilation − pad) of ∂yᵀ·Vᵢ `[Wo, W]`.
 */
function diagonals(b: GraphBuilder, call: Call): Value {
  const { x, dy, w, channels, kernel, spatial, strides, dilations, begins, ends, out } = call;
  const [rows, width, outWidth] = [kernel[0], spatial[1], out[1]];
  const attributes = {
    strides: [strides[0], 1],
    dilations: [dilations[0], 1],
    pads: [begins[0], 0, ends[0], 0],
  };
  const filter = copyingFilter(b, { channels, kernel: [rows, 1], type: x.type, machine: call.machine });
  const start = b.expand(b.scalar(0, x.type), [channels, rows, outWidth, width]);
  const sum = sumOverBatch(b, [x, dy], start, (before, [image, gradient]) => {
    const one = b.reshape(image, [1, channels, ...spatial]);
    const under = tapsUnder(b, one, filter, attributes);
    const right = b.reshape(under, [channels, rows, out[0], width]);
    return b.add(before, b.fusedMatMul(b.reshape(gradient, [channels, 1, ...out]), right, { transA: true }));
  });
  const picked = new Float32Array(outWidth * width * kernel[1]);
  for (const o of range(outWidth)) {
    for (const j of range(kernel[1])) {
      const column = under(call, 1, o, j);
      if (column !== undefined) picked[(o * width + column) * kernel[1] + j] = 1;
    }
  }
  const picking = b.cast(b.constant(tensor('float32', [outWidth * width, kernel[1]], picked), 'diagonals'), x.type);
  return b.reshape(b.matmul(b.reshape(sum, [channels * rows, outWidth * width]), picking), w.shape);
}

/** Large maps: products and sums tap by tap, for one image at a time, which stays in the caches. */
function tapByTap(b: GraphBuilder, call: Call): Value {
  const { x, dy, w, channels, kernel, strides, dilations, begins, ends, out, positions } = call;
  const start = b.expand(b.scalar(0, x.type), [channels, call.taps]);
  const sum = sumOverBatch(b, [x, dy], start, (before, [image, gradient]) => {
    const padded = b.pad(image, [0, ...begins], [0, ...ends]);
    const at = (axis: number, t: number): [number, number] => {
      const first = t * dilations[axis];
      return [first, first + (out[axis] - 1) * strides[axis] + 1];
    };
    const sums = range(kernel[0]).flatMap((i) => {
      const rows = b.slice(padded, 1, ...at(0, i), strides[0]);
      return range(kernel[1]).map((j) => {
        const seen = b.slice(rows, 2, ...at(1, j), strides[1]);
        return b.reduceSum(b.reshape(b.mul(seen, gradient), [channels, positions]), [1], { keepdims: true });
      });
    });
    return b.add(before, b.concat(sums, 1));
  });
  return b.reshape(sum, w.shape);
}

/**
 * Large maps, if sums over the last axis are slow: for one image at a time, tap (i, j) is the product of ∂y and the padded x from position
 * (i, j) on. Both are flat and have rows of one length, so that each shift is one piece of memory. Strides split x into phases first. The
 * sums over the columns wait until those of all images are added.
 */
function shifted(b: GraphBuilder, call: Call): Value {
  const { x, dy, w, channels, kernel, strides, out } = call;
  const taps = kernel.map((k, axis) => range(k).map((t) => phaseOfTap(call, axis, t)));
  const [rows, columns] = taps.map((axis) => axis.at(-1)!.shift);
  // The last tap ends in the row after the last one that it needs.
  const size = [out[0] + rows + 1, out[1] + columns];
  const start = b.expand(b.scalar(0, x.type), [channels, call.taps, size[1]]);
  const sum = sumOverBatch(b, [x, dy], start, (before, [image, gradient]) => {
    const padded = padTo(b, image, call.begins, [size[0] * strides[0], size[1] * strides[1]]);
    const left = b.pad(gradient, [0, 0, 0], [0, 0, columns]);
    const sums = taps[0].flatMap((row) =>
      taps[1].map((column) => {
        const phase = [row, column].reduce(
          (rest, { phase }, i) =>
            strides[i] === 1 ? rest : b.slice(rest, 1 + i, phase, size[i] * strides[i], strides[i]),
          padded,
        );
        const from = row.shift * size[1] + column.shift;
        const flat = b.slice(b.reshape(phase, [channels, size[0] * size[1]]), 1, from, from + out[0] * size[1]);
        return b.reduceSum(b.mul(b.reshape(flat, left.shape), left), [1], { keepdims: true });
      }),
    );
    return b.add(before, b.concat(sums, 1));
  });
  return b.reshape(b.reduceSum(sum, [2]), w.shape);
}

/** The phase of the padded x that a tap sees, and the position in it under the first window. */
const phaseOfTap = ({ strides, dilations }: Call, axis: number, tap: number) => {
  const at = tap * dilations[axis];
  return { phase: at % strides[axis], shift: Math.floor(at / strides[axis]) };
};

/** An image `[C, …]` with zeros before and after it, or cut at its end, to these sizes. */
function padTo(b: GraphBuilder, image: Value, before: readonly number[], sizes: readonly number[]): Value {
  const missing = sizes.map((size, i) => size - before[i] - (image.shape[1 + i] as number));
  const after = missing.map((count) => Math.max(count, 0));
  const padded = b.pad(image, [0, ...before], [0, ...after]);
  return sizes.reduce((rest, size, i) => (missing[i] < 0 ? b.slice(rest, 1 + i, 0, size) : rest), padded);
}

/** Ways to write the gradient for two-dimensional depthwise filters. The limits were measured. */
export const DEPTHWISE: readonly Lowering<Call>[] = [
  {
    name: 'outer',
    // Beyond this, the constant matrix would be large.
    applies: (call) => isPlane(call) && call.positions * product(call.spatial) * call.taps <= 2 ** 18,
    suits: ({ positions }) => positions <= 49,
    emit: outer,
  },
  {
    name: 'shifted',
    applies: isPlane,
    // Slices that split large maps into phases take most of the time.
    suits: (call) => call.machine.scalarSums === true && call.out[1] >= 28 && (isUnstrided(call) || call.out[1] < 56),
    emit: shifted,
  },
  { name: 'diagonals', applies: isPlane, suits: ({ out }) => out[1] <= 28, emit: diagonals },
  { name: 'tap-by-tap', applies: isPlane, suits: isUnstrided, emit: tapByTap },
];
