import { product, tensor, type Value } from '../../../onnx/index.ts';
import { type Geometry, isDepthwise } from '../convolution/geometry.ts';
import type { Layout } from '../convolution/input-gradient.ts';
import { channelFilter, type FilterInBlocks, turnedFilter, turnedStored } from './filters.ts';
import { convolveMap } from './narrow.ts';
import type { Plane, PlaneFilter, PlaneMap, Region } from './region.ts';
import type { StoredShape } from './stored.ts';

type MapValue = Value<PlaneMap>;
export type BlockedLayout = Layout<MapValue, Value<PlaneFilter> | Value<StoredShape>, FilterInBlocks>;

/** The layout in blocks for the gradients of a convolution. Maps have their declared shapes. */
export function blockedLayout(region: Region, sizes: Geometry<Plane>): BlockedLayout {
  const { b, size } = region;
  const { group, filters, channels } = sizes;
  const depthwise = isDepthwise(sizes);
  return {
    turned(w) {
      if (isStored(w)) return turnedStored(b, w, sizes.kernel);
      if (depthwise) return channelFilter(b, w, size, true);
      if (group === 1) return turnedFilter(b, w, size);
      const each = filters / group;
      const parts = Array.from({ length: group }, (_, g) =>
        turnedFilter(b, b.slice(w, 0, g * each, (g + 1) * each), size),
      );
      return b.concat(parts, 0);
    },
    taps: (filter, axis, start, end, step) => b.slice(filter, 2 + axis, start, end, step),
    conv(x, filter, begins, ends, dilations) {
      const [outputs, inputs, kh, kw, block] = filter.shape;
      const pads = [...begins, ...ends].map((p) => Math.max(p, 0));
      const seen = crop(region, x, begins, ends);
      const [, , height, width] = seen.shape;
      const [rows, columns] = dilations ?? [1, 1];
      return convolveMap(region, {
        x: seen,
        filter: b.reshape(filter, [outputs * size, depthwise ? 1 : (inputs * block) / size, kh, kw]),
        group: depthwise ? region.fill(channels) : group,
        dilations,
        pads,
        out: [height + pads[0] + pads[2] - rows * (kh - 1), width + pads[1] + pads[3] - columns * (kw - 1)],
      });
    },
    // A product with a mask of one 1 per stride uses every core; `Pad` and `DepthToSpace` use one.
    spread(x, [sh, sw]) {
      const [n, c, h, w] = x.shape;
      const mask = new Float32Array(sh * sw);
      mask[0] = 1;
      const first = b.constant(tensor('float32', [1, sh, 1, sw, 1], mask), 'first');
      const seen = b.reshape(x, [product([n, c / size]), h, 1, w, 1, size]);
      return b.reshape(b.mul(seen, first), [n, c, h * sh, w * sw]);
    },
    interleave: (parts, axis, length) => interleave(region, parts, axis, length),
  };
}

const isStored = (w: Value<PlaneFilter> | Value<StoredShape>): w is Value<StoredShape> => w.shape.length === 5;

/** Interleaves maps of one size along a spatial axis and cuts the result to `length`. */
export function interleave(region: Region, parts: readonly MapValue[], axis: number, length: number): MapValue {
  const { b, size } = region;
  const [n, c, h, w] = parts[0].shape;
  const [rows, inner] = axis === 0 ? [h, w * size] : [h * w, size];
  const joined = b.concat(
    parts.map((part) => b.reshape(part, [n, (c / size) * rows, inner])),
    2,
  );
  const [rowsOfAll, columnsOfAll] = axis === 0 ? [h * parts.length, w] : [h, w * parts.length];
  const map = b.reshape(joined, [n, c, rowsOfAll, columnsOfAll]);
  return crop(region, map, [0, 0], axis === 0 ? [length - rowsOfAll, 0] : [0, length - columnsOfAll]);
}

/** Maps without the elements that negative pads skip. */
export function crop({ b, size }: Region, x: MapValue, begins: readonly number[], ends: readonly number[]): MapValue {
  if ([...begins, ...ends].every((p) => p >= 0)) return x;
  const [n, c, h, w] = x.shape;
  const [top, left, bottom, right] = [...begins, ...ends].map((p) => Math.max(0, -p));
  const rows = b.slice(b.reshape(x, [n, c / size, h, w * size]), 2, top, h - bottom);
  const columns = b.slice(rows, 3, left * size, (w - right) * size);
  return b.reshape(columns, [n, c, h - top - bottom, w - left - right]);
}
