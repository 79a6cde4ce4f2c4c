import { axis, divide, type GraphBuilder, isStatic, numbersOf, staticSize, type Value } from '../../../onnx/index.ts';
import type { Rule, Rules } from '../rule.ts';
import { positionsOf, sizeOf } from './positions.ts';

// y has x's elements in x's order      ∂x = ∂y in x's shape
const reshaped: Rule = ({ b, inputs: [x], dy: [dy] }) => [() => b.reshapeLike(dy, x)];

/** Puts `step − 1` zeros after each element along an axis. */
function spreadOut(b: GraphBuilder, x: Value, at: number, step: number): Value {
  if (step === 1) return x;
  const wide = b.unsqueeze(x, [at + 1]);
  const after = wide.shape.map((_, i) => (i === at + 1 ? step - 1 : 0));
  const padded = b.pad(
    wide,
    wide.shape.map(() => 0),
    after,
  );
  return b.reshape(padded, [...x.shape.slice(0, at), staticSize(x, at) * step, ...x.shape.slice(at + 1)]);
}

/** Pads (or cuts) one axis with zeros so that x lies at `start` of `size` elements. */
export function place(b: GraphBuilder, x: Value, at: number, start: number, size: number): Value {
  const before = x.shape.map((_, i) => (i === at ? start : 0));
  const after = x.shape.map((_, i) => (i === at ? size - start - staticSize(x, at) : 0));
  return b.pad(x, before, after);
}

/** The same for an axis of `like`'s size, which may be known only at run time; a negative `start` counts from its end. */
export function placeLike(b: GraphBuilder, x: Value, at: number, start: number, like: Value): Value {
  const total = like.shape[at];
  if (typeof total === 'number' && typeof x.shape[at] === 'number')
    return place(b, x, at, start < 0 ? start + total : start, total);
  const before = start < 0 ? b.max(b.add(sizeOf(b, like, at), start), 0) : b.ints([start]);
  const after = b.sub(b.sub(sizeOf(b, like, at), before), sizeOf(b, x, at));
  const none = (count: number) => (count ? [b.ints(Array(count).fill(0))] : []);
  const rank = x.shape.length;
  const pads = b.concat([...none(at), before, ...none(rank - 1), after, ...none(rank - 1 - at)], 0);
  const shape = x.shape.map((d, i) => (i === at ? like.shape[i] : d));
  return b.emit('Pad', [x, pads], [{ type: x.type, shape }])[0];
}

/** Zeros of `like`'s size along one axis, with x at the positions that a slice takes. `bounds`: its start, end and, if present, step. */
function scatterTaken(b: GraphBuilder, x: Value, at: number, like: Value, [start, end, step]: readonly Value[]): Value {
  const taken = b.emit(
    'Slice',
    [positionsOf(b, like, at), start, end, b.ints([0]), ...(step ? [step] : [])],
    [{ type: 'int64', shape: [x.shape[at]] }],
  )[0];
  const rank = x.shape.length;
  const positions = b.unsqueeze(
    taken,
    Array.from({ length: rank }, (_, i) => i).filter((i) => i !== at),
  );
  const shape = x.shape.map((d, i) => (i === at ? like.shape[at] : d));
  const sizes = b.concat(
    x.shape.map((_, i) => sizeOf(b, i === at ? like : x, i)),
    0,
  );
  const zeros = b.emit('Expand', [b.scalar(0, x.type), sizes], [{ type: x.type, shape }])[0];
  return b.scatterAdd(zeros, b.expand(positions, x.shape, x), x, at);
}

/** ∂y of a tile, seen as `[r₀, d₀, r₁, d₁, …]` instead of `[r₀·d₀, r₁·d₁, …]` and summed over the repeats, which are known at run time. */
function sumOfRepeats(b: GraphBuilder, x: Value, repeats: Value, dy: Value): Value {
  const pairs = b.emit(
    'Concat',
    [repeats, b.shapeOf(x)].map((sizes) => b.unsqueeze(sizes, [1])),
    [{ type: 'int64', shape: [x.shape.length, 2] }],
    { axis: 1 },
  )[0];
  const split = x.shape.flatMap((d, i) => [divide(dy.shape[i], d) ?? `${dy.name}.${i}`.replaceAll('*', '_'), d]);
  const apart = b.emit('Reshape', [dy, b.reshape(pairs, [2 * x.shape.length])], [{ type: dy.type, shape: split }])[0];
  return b.reduceSum(
    apart,
    x.shape.map((_, i) => 2 * i),
  );
}

/** Operators that move data and compute nothing. */
export const shapes: Rules = {
  Reshape: reshaped,
  Flatten: reshaped,
  Squeeze: reshaped,
  Unsqueeze: reshaped,

  // y = x broadcast    ∂x = ∂y (the pass sums)
  Expand: ({ dy: [dy] }) => [() => dy],

  // y = x, axes permuted       ∂x = ∂y, permuted back
  Transpose: ({ b, inputs: [x], dy: [dy], attributes }) => {
    const perm: number[] = attributes.perm?.map(Number) ?? x.shape.map((_, i) => x.shape.length - 1 - i);
    return [
      () =>
        b.transpose(
          dy,
          perm.map((_, i) => perm.indexOf(i)),
        ),
    ];
  },

  // y = [x₁ x₂ …]      ∂xᵢ = its part of ∂y
  Concat: ({ b, inputs, dy: [dy], attributes }) => {
    const at = axis(attributes.axis, dy.shape.length);
    const sizes = inputs.map((x) => x.shape[at]);
    if (isStatic(sizes)) {
      const known: readonly number[] = sizes;
      let end = 0;
      const ends = known.map((size) => {
        end += size;
        return end;
      });
      return inputs.map((_, i) => () => b.slice(dy, at, ends[i] - known[i], ends[i]));
    }
    const starts: Value[] = [];
    const startOf = (i: number): Value => {
      if (starts.length === 0) starts.push(b.ints([0]));
      for (let k = starts.length; k <= i; k++) {
        const before = sizeOf(b, inputs[k - 1], at);
        starts.push(k === 1 ? before : b.add(starts[k - 1], before));
      }
      return starts[i];
    };
    return inputs.map((x, i) => () => {
      const start = startOf(i);
      return b.emit('Slice', [dy, start, b.add(start, sizeOf(b, x, at)), b.ints([at])], [x])[0];
    });
  },

  // [y₁ y₂ …] = x      ∂x = [∂y₁ ∂y₂ …]
  Split: ({ b, inputs: [x], dy, attributes: { axis: at = 0 }, refuse }) => [
    () => {
      if (dy.some((part) => part === undefined)) refuse('one of its outputs has no name');
      return b.emit('Concat', dy, [x], { axis: at })[0];
    },
  ],

  // y = x[start:end:step]      ∂x = ∂y at the positions taken, zeros elsewhere
  Slice: ({ b, inputs: [x, starts, ends, axes, steps], dy: [dy], known, constant }) => [
    () => {
      const numbers = (value: Value) => {
        const contents = known(value);
        return contents && numbersOf(contents);
      };
      const count = staticSize(starts, 0);
      const from = numbers(starts);
      const step = steps ? numbers(steps) : Array<number>(count).fill(1);
      const along = axes
        ? constant(axes).map((a) => axis(a, x.shape.length))
        : Array.from({ length: count }, (_, i) => i);
      return along.reduce((gradient, at, i) => {
        const [size, taken] = [x.shape[at], dy.shape[at]];
        if (size === taken && step && step[i] > 0) return gradient;
        if (from && step?.[i] === 1 && typeof size !== 'number') return placeLike(b, gradient, at, from[i], x);
        if (!from || !step || typeof size !== 'number' || typeof taken !== 'number') {
          const bounds = [starts, ends, ...(steps ? [steps] : [])].map((value) => b.gather(value, b.ints([i])));
          return scatterTaken(b, gradient, at, x, bounds);
        }
        const high = step[i] > 0 ? size : size - 1;
        const first = Math.min(Math.max(from[i] < 0 ? from[i] + size : from[i], 0), high);
        const ordered = step[i] > 0 ? gradient : b.reverse(gradient, at);
        const start = step[i] > 0 ? first : first + (taken - 1) * step[i];
        return place(b, spreadOut(b, ordered, at, Math.abs(step[i])), at, start, size);
      }, dy);
    },
  ],

  // y = x repeated     ∂x = ∂y summed over the repeats
  Tile: ({ b, inputs: [x, repeats], dy: [dy], known }) => [
    () => {
      const contents = known(repeats);
      if (!contents) return sumOfRepeats(b, x, repeats, dy);
      const count = numbersOf(contents);
      const split = x.shape.flatMap((d, i) => (count[i] === 1 ? [d] : [count[i], d]));
      const over = count.flatMap((n, i) => (n === 1 ? [] : [i + count.slice(0, i).filter((m) => m !== 1).length]));
      return over.length ? b.reduceSum(b.reshape(dy, split), over) : dy;
    },
  ],

  // y[n, c, h·s + i, w·s + j] = x[n, (i, j, c), h, w] (DCR) or x[n, (c, i, j), h, w] (CRD)        ∂x = the way back
  DepthToSpace: ({ b, inputs: [x], dy: [dy], attributes: { blocksize: s, mode = 'DCR' } }) => [
    () => {
      const [n, , h, w] = x.shape;
      const blocks = b.reshape(dy, [n, staticSize(x, 1) / (s * s), h, s, w, s]);
      return b.reshape(b.transpose(blocks, mode === 'DCR' ? [0, 3, 5, 1, 2, 4] : [0, 1, 3, 5, 2, 4]), x.shape, x);
    },
  ],
  SpaceToDepth: ({ b, inputs: [x], dy: [dy], attributes: { blocksize } }) => [
    () => b.emit('DepthToSpace', [dy], [x], { blocksize, mode: 'DCR' })[0],
  ],

  // y = the triangle of x      ∂x = the triangle of ∂y
  Trilu: ({ b, inputs: [, k], dy: [dy], attributes: { upper = 1 } }) => [
    () => b.emit('Trilu', k ? [dy, k] : [dy], [dy], { upper })[0],
  ],

  // y = x, the first n[i] steps of each sequence reversed     ∂x = ∂y, reversed again
  ReverseSequence: ({ b, inputs: [, lengths], dy: [dy], attributes: { batch_axis = 1, time_axis = 0 } }) => [
    () => b.emit('ReverseSequence', [dy, lengths], [dy], { batch_axis, time_axis })[0],
  ],

  // Training draws the noise of dropout outside the graph, so only inference remains here: y = x
  Dropout: ({ inputs: [, , training], dy: [dy], constant, refuse }) => {
    if (training && constant(training)[0]) refuse('it is in training mode, whose noise cannot be repeated');
    return [() => dy];
  },
};
