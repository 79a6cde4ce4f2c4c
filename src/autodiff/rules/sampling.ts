import { type GraphBuilder, product, tensor, type Value } from '../../onnx/index.ts';
import type { RuleContext, Rules } from '../rule.ts';

/** Positions along one axis of `size` elements, which integers are exactly on. */
interface Positions {
  readonly at: Value;
  readonly size: number;
}

const clamp = (b: GraphBuilder, { at, size }: Positions): Value => b.min(b.max(at, 0), size - 1);

/** From a grid's −1 … 1 to positions, and those outside back in as the padding mode says. */
function positions(
  b: GraphBuilder,
  grid: Value,
  size: number,
  { align_corners, padding_mode }: RuleContext['attributes'],
): Positions {
  const spread = align_corners ? size - 1 : size;
  const at = b.add(b.mul(b.add(grid, 1), spread / 2), align_corners ? 0 : -0.5);
  if (padding_mode === 'border') return { at: clamp(b, { at, size }), size };
  if (padding_mode !== 'reflection') return { at, size };
  if (size === 1) return { at: b.mul(at, 0), size };
  const low = align_corners ? 0 : -0.5;
  const distance = b.abs(b.sub(at, low));
  const turns = b.unary('Floor', b.div(distance, spread));
  const rest = b.sub(distance, b.mul(turns, spread));
  // An odd number of reflections runs backwards.
  const isOdd = b.sub(turns, b.mul(b.unary('Floor', b.mul(turns, 0.5)), 2));
  const reflected = b.add(b.add(rest, low), b.mul(isOdd, b.sub(spread, b.mul(rest, 2))));
  return { at: clamp(b, { at: reflected, size }), size };
}

/** 1 where a position is inside, else 0. */
const inside = (b: GraphBuilder, { at, size }: Positions): Value =>
  b.cast(b.and(b.greaterOrEqual(at, 0), b.lessOrEqual(at, size - 1)), at.type);

/**
 * The two elements next to each position and their weights: of those up to one element outside, the outermost; of those further out,
 * none.
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

export const sampling: Rules = {
  // y = Σ over the four neighbours of each position: weight·x; positions and weights are functions of the grid
  GridSample: ({ b, inputs: [input], attributes, refuse, composed }) => {
    const { mode = 'linear', align_corners = 0, padding_mode = 'zeros' } = attributes;
    const [, channels, height, width] = input.shape;
    if (input.shape.length !== 4 || ![channels, height, width].every((d) => typeof d === 'number'))
      refuse('its input is no picture of fixed size');
    if (mode === 'cubic' || mode === 'bicubic') refuse(`mode ${mode}`);
    const [c, h, w] = [channels, height, width] as number[];
    return composed(([x, grid]) => {
      const [, rows, columns] = grid.shape;
      const [samples, flat] = [(rows as number) * (columns as number), h * w];
      const pixels = b.reshape(x, [x.shape[0], c, flat]);
      const [px, py] = [w, h].map((size, i) => {
        const along = b.reshape(b.slice(grid, 3, i, i + 1), [grid.shape[0], 1, samples]);
        return positions(b, along, size, { align_corners, padding_mode });
      });
      const pixel = (column: Positions, row: Positions) => {
        const index = b.cast(b.add(b.mul(clamp(b, row), w), clamp(b, column)), 'int64');
        const shape = [x.shape[0], c, samples];
        const [everywhere] = b.emit('Expand', [index, b.ints([1, c, 1])], [{ type: 'int64', shape }]);
        const value = b.gatherElements(pixels, everywhere, 2);
        return padding_mode === 'zeros' ? b.mul(value, b.mul(inside(b, column), inside(b, row))) : value;
      };
      const neighbours = ({ at, size }: Positions) => {
        if (mode === 'nearest') return [{ at: b.unary('Round', at), size, weight: undefined }];
        const lower = b.unary('Floor', at);
        const share = b.sub(at, lower);
        return [
          { at: lower, size, weight: b.sub(1, share) },
          { at: b.add(lower, 1), size, weight: share },
        ];
      };
      const terms = neighbours(py).flatMap((row) =>
        neighbours(px).map((column) => {
          const value = pixel(column, row);
          return row.weight && column.weight ? b.mul(value, b.mul(row.weight, column.weight)) : value;
        }),
      );
      return [b.reshape(b.sum(terms), [x.shape[0], c, rows, columns])];
    });
  },

  // y = the mean (or greatest) of samples·samples positions in each cell of a region, each Σ weight·x over its four neighbours
  RoiAlign: ({ b, inputs: [input], attributes, refuse, composed }) => {
    const {
      mode = 'avg',
      output_height: rows = 1,
      output_width: columns = 1,
      sampling_ratio: samples = 0,
    } = attributes;
    const { spatial_scale: scale = 1, coordinate_transformation_mode: corners = 'half_pixel' } = attributes;
    const [count, c, h, w] = input.shape;
    if (![c, h, w].every((d) => typeof d === 'number')) refuse('its input is no picture of fixed size');
    if (samples === 0) refuse('sampling_ratio 0, by which the number of samples depends on the region');
    if (mode !== 'avg') refuse(`mode ${mode}`);
    return composed(([x, regions, batch]) => {
      const [channels, height, width] = [c, h, w] as number[];
      const pixels = b.reshape(b.transpose(x, [1, 0, 2, 3]), [channels, product([count, height, width])]);
      const [left, top, right, bottom] = [0, 1, 2, 3].map((i) =>
        b.sub(b.mul(b.slice(regions, 1, i, i + 1), scale), corners === 'half_pixel' ? 0.5 : 0),
      );
      const along = (from: Value, to: Value, cells: number, size: number) => {
        const extent = b.sub(to, from);
        const cell = b.div(corners === 'half_pixel' ? extent : b.max(extent, 1), cells);
        const steps = Float32Array.from({ length: cells * samples }, (_, i) => (i + 0.5) / samples);
        const offsets = b.cast(b.constant(tensor('float32', [1, steps.length], steps)), x.type);
        return neighboursInside(b, { at: b.add(from, b.mul(cell, offsets)), size });
      };
      const [vertical, horizontal] = [along(top, bottom, rows, height), along(left, right, columns, width)];
      const start = b.unsqueeze(b.mul(b.cast(batch, 'int64'), height * width), [1, 2]);
      const terms = vertical.flatMap((row) =>
        horizontal.map((column) => {
          const index = b.add(b.unsqueeze(b.mul(row.index, width), [2]), b.unsqueeze(column.index, [1]));
          const weight = b.mul(b.unsqueeze(row.weight, [2]), b.unsqueeze(column.weight, [1]));
          return b.mul(b.gather(pixels, b.add(index, start), 1), weight);
        }),
      );
      const cells = b.reshape(b.sum(terms), [channels, regions.shape[0], rows, samples, columns, samples]);
      return [b.transpose(b.reduceMean(cells, [3, 5]), [1, 0, 2, 3])];
    });
  },
};
