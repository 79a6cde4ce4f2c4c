import { type GraphBuilder, isStatic, product, tensor, type Value } from '../../../onnx/index.ts';
import type { Rules } from '../rule.ts';
import { clamp, inside, type Positions, type Tap, taps } from './grid-sample.ts';

/**
 * The two elements next to each position, and their weights. A position up to one element outside uses the outermost element; positions
 * further out use none.
 */
function neighboursInside(b: GraphBuilder, positions: Positions): { index: Value; weight: Value }[] {
  const { at, size } = positions;
  const isNear = b.cast(b.and(b.greaterOrEqual(at, -1), b.lessOrEqual(at, size)), at.type);
  const clamped = clamp(b, positions);
  const lower = b.unary('Floor', clamped);
  const share = b.sub(clamped, lower);
  const index = (position: Value) => b.cast(clamp(b, { at: position, size }), 'int64');
  return [
    { index: index(lower), weight: b.mul(b.sub(1, share), isNear) },
    { index: index(b.add(lower, 1)), weight: b.mul(share, isNear) },
  ];
}

/** Lower than any sample. */
const LEAST = -3e38;

/** Samples along one axis of regions that are divided into cells of `cell` elements, `[regions, 1, 1]`. */
interface Samples {
  /** From the region's start, `[regions, cells, samples]`. */
  readonly offset: Value;
  /** The number in a cell, at least 1, `[regions, 1, 1]`. */
  readonly number: Value;
  /** Which samples exist, if their number differs between regions, `[regions, 1, samples]`. */
  readonly used?: Value;
}

/** `ratio` samples in each cell; for a ratio of 0, the cell's number of elements, rounded up. */
function samplesOf(b: GraphBuilder, cell: Value, cells: number, ratio: number): Samples {
  const counted = (length: number, shape: readonly number[], start = 0) =>
    b.cast(
      b.constant(
        tensor(
          'float32',
          shape,
          Float32Array.from({ length }, (_, i) => i + start),
        ),
      ),
      cell.type,
    );
  const before = counted(cells, [1, cells, 1]);
  if (ratio > 0) {
    const within = b.div(counted(ratio, [1, 1, ratio], 0.5), ratio);
    return { offset: b.mul(cell, b.add(before, within)), number: b.full(ratio, cell) };
  }
  const exact = b.unary('Ceil', cell);
  const number = b.max(exact, 1);
  const most = b.cast(b.reduce('ReduceMax', number), 'int64');
  const [order] = b.emit(
    'Range',
    [b.scalar(0, 'int64'), most, b.scalar(1, 'int64')],
    [{ type: 'int64', shape: [b.unique('samples')] }],
  );
  const place = b.unsqueeze(b.cast(order, cell.type), [0, 1]);
  return {
    offset: b.mul(cell, b.add(before, b.div(b.add(place, 0.5), number))),
    number,
    used: b.less(place, exact),
  };
}

/** Cells of regions along one axis, made of whole elements. The largest number of elements in a cell depends on the regions. */
interface Cells {
  /** Elements in each cell, some beyond its end, `[regions, cells, elements]`. */
  readonly index: Value;
  readonly used: Value;
}

/** Rounds halves away from zero, as C does. */
const rounded = (b: GraphBuilder, x: Value): Value => b.unary('Floor', b.add(x, 0.5));

/** The elements from `first` to `last`, integers `[regions, 1]`, in `cells` cells; neighbours may share an element. */
function cellsOf(b: GraphBuilder, [first, last]: readonly [Value, Value], cells: number, size: number): Cells {
  const extent = b.max(b.add(b.sub(last, first), 1), 1);
  const numbers = Float32Array.from({ length: cells }, (_, i) => i);
  const before = b.constant(tensor('float32', [1, cells], numbers), 'cells');
  const each = b.div(extent, cells);
  const bounded = (at: Value) => b.min(b.max(b.add(at, first), 0), size);
  const start = bounded(b.unary('Floor', b.mul(each, before)));
  const end = bounded(b.unary('Ceil', b.mul(each, b.add(before, 1))));
  const most = b.max(b.cast(b.reduce('ReduceMax', b.sub(end, start)), 'int64'), b.scalar(1, 'int64'));
  const [order] = b.emit(
    'Range',
    [b.scalar(0, 'int64'), most, b.scalar(1, 'int64')],
    [{ type: 'int64', shape: [b.unique('elements')] }],
  );
  const at = b.add(b.unsqueeze(start, [2]), b.unsqueeze(b.cast(order, start.type), [0, 1]));
  return { index: b.cast(clamp(b, { at, size }), 'int64'), used: b.less(at, b.unsqueeze(end, [2])) };
}

export const sampling: Rules = {
  // y = the maximum of each cell of a region, zero in a cell without elements; a region is its image and four corners
  MaxRoiPool: ({ b, inputs: [input], attributes, refuse, composed }) => {
    const [rows, columns]: number[] = attributes.pooled_shape.map(Number);
    const { spatial_scale: scale = 1 } = attributes;
    const [count, ...image] = input.shape;
    if (!isStatic(image)) return refuse('its input is not an image of fixed size');
    const [channels, height, width] = image;
    return composed(([x, regions]) => {
      const pixels = b.reshape(b.transpose(x, [1, 0, 2, 3]), [channels, product([count, height, width])]);
      const [image, left, top, right, bottom] = [0, 1, 2, 3, 4].map((i) => b.slice(regions, 1, i, i + 1));
      const corners = [left, top, right, bottom].map((corner) => rounded(b, b.mul(corner, scale)));
      const vertical = cellsOf(b, [corners[1], corners[3]], rows, height);
      const horizontal = cellsOf(b, [corners[0], corners[2]], columns, width);
      const down = (value: Value) => b.unsqueeze(value, [3, 4]);
      const across = (value: Value) => b.unsqueeze(value, [1, 2]);
      const start = b.unsqueeze(b.mul(b.cast(image, 'int64'), height * width), [2, 3, 4]);
      const index = b.add(b.add(down(b.mul(vertical.index, width)), across(horizontal.index)), start);
      const used = b.and(down(vertical.used), across(horizontal.used));
      const greatest = b.reduce('ReduceMax', b.where(used, b.gather(pixels, index, 1), LEAST), [3, 5]);
      const filled = b.where(b.greater(greatest, LEAST), greatest, 0);
      return [b.transpose(filled, [1, 0, 2, 3])];
    });
  },

  // y = the mean (or maximum) of a grid of samples in each cell of a region, each the sum (or maximum) of weight·x over four neighbours
  RoiAlign: ({ b, inputs: [input], attributes, refuse, composed }) => {
    const { mode = 'avg', output_height: rows = 1, output_width: columns = 1, sampling_ratio: ratio = 0 } = attributes;
    const { spatial_scale: scale = 1, coordinate_transformation_mode: corners = 'half_pixel' } = attributes;
    const [count, ...image] = input.shape;
    if (!isStatic(image)) return refuse('its input is not an image of fixed size');
    const [channels, height, width] = image;
    return composed(([x, regions, batch]) => {
      const pixels = b.reshape(b.transpose(x, [1, 0, 2, 3]), [channels, product([count, height, width])]);
      const [left, top, right, bottom] = [0, 1, 2, 3].map((i) =>
        b.unsqueeze(b.sub(b.mul(b.slice(regions, 1, i, i + 1), scale), corners === 'half_pixel' ? 0.5 : 0), [2]),
      );
      const along = (from: Value, to: Value, cells: number, size: number) => {
        const extent = corners === 'half_pixel' ? b.sub(to, from) : b.max(b.sub(to, from), 1);
        const { offset, ...samples } = samplesOf(b, b.div(extent, cells), cells, ratio);
        return { ...samples, neighbours: neighboursInside(b, { at: b.add(from, offset), size }) };
      };
      const [vertical, horizontal] = [along(top, bottom, rows, height), along(left, right, columns, width)];
      // The axes are [regions, rows, samples down, columns, samples across]; the regions of results come after the channels.
      const down = (value: Value) => b.unsqueeze(value, [3, 4]);
      const across = (value: Value) => b.unsqueeze(value, [1, 2]);
      const both = (combine: (p: Value, q: Value) => Value, p: Value, q: Value) => combine(down(p), across(q));
      const start = b.unsqueeze(b.mul(b.cast(batch, 'int64'), height * width), [1, 2, 3, 4]);
      const terms = vertical.neighbours.flatMap((row) =>
        horizontal.neighbours.map((column) => {
          const index = b.add(both(b.add, b.mul(row.index, width), column.index), start);
          return b.mul(b.gather(pixels, index, 1), both(b.mul, row.weight, column.weight));
        }),
      );
      const [i, j] = [vertical.used, horizontal.used];
      const used = i && j && both(b.and, i, j);
      const cells = () => {
        if (mode === 'max') {
          const greatest = terms.reduce((most, term) => b.max(most, term));
          if (!used) return b.reduce('ReduceMax', greatest, [3, 5]);
          // A placeholder for an absent sample passes no gradient.
          return b.reduce('ReduceMax', b.where(used, greatest, LEAST), [3, 5]);
        }
        if (!used) return b.reduceMean(b.sum(terms), [3, 5]);
        const sum = b.reduceSum(b.mul(b.sum(terms), b.cast(used, x.type)), [3, 5]);
        return b.div(sum, b.squeeze(both(b.mul, vertical.number, horizontal.number), [2, 4]));
      };
      return [b.transpose(cells(), [1, 0, 2, 3])];
    });
  },
};

/** Of the domain `com.microsoft`. */
export const cropping: Rules = {
  // y = the crop of an image, its corners in 0 … 1, resized so that corners meet corners; a constant outside of the image
  CropAndResize: ({ b, inputs: [input, , , size], attributes, constant, refuse, composed }) => {
    const { mode = 'bilinear', extrapolation_value: outside = 0 } = attributes;
    const [count, ...image] = input.shape;
    if (!isStatic(image)) return refuse('its input is not an image of fixed size');
    const [channels, height, width] = image;
    const [rows, columns] = constant(size);
    return composed(([x, regions, batch]) => {
      const pixels = b.reshape(b.transpose(x, [1, 0, 2, 3]), [channels, product([count, height, width])]);
      const along = (corner: number, points: number, elements: number): [Value, readonly Tap[]] => {
        const [start, end] = [corner, corner + 2].map((i) => b.mul(b.slice(regions, 1, i, i + 1), elements - 1));
        const shares = Float32Array.from({ length: points }, (_, i) => (points > 1 ? i / (points - 1) : 0.5));
        const at = b.add(start, b.mul(b.sub(end, start), b.constant(tensor('float32', [1, points], shares), 'shares')));
        const position = { at, size: elements };
        if (mode === 'nearest') return [inside(b, position), [{ ...position, at: rounded(b, at) }]];
        return [inside(b, position), taps(b, position, 'linear', { align: true, padding: 'border' })];
      };
      const [[isDown, downTaps], [isAcross, acrossTaps]] = [along(0, rows, height), along(1, columns, width)];
      const both = (combine: (p: Value, q: Value) => Value, p: Value, q: Value) =>
        combine(b.unsqueeze(p, [2]), b.unsqueeze(q, [1]));
      const first = b.unsqueeze(b.mul(b.cast(batch, 'int64'), height * width), [1, 2]);
      const terms = downTaps.flatMap((row) =>
        acrossTaps.map((column) => {
          const [i, j] = [row, column].map((tap) => b.cast(clamp(b, tap), 'int64'));
          const value = b.gather(pixels, b.add(both(b.add, b.mul(i, width), j), first), 1);
          return row.weight && column.weight ? b.mul(value, both(b.mul, row.weight, column.weight)) : value;
        }),
      );
      const isInside = b.greater(both(b.mul, isDown, isAcross), 0);
      return [b.transpose(b.where(isInside, b.sum(terms), outside), [1, 0, 2, 3])];
    });
  },
};
