import { type Dimension, product, tensor, type Value } from '../../../onnx/index.ts';
import { type Geometry, isDepthwise } from '../convolution/geometry.ts';
import type { Layout } from '../convolution/input-gradient.ts';
import { channelFilter, turnedFilter, turnedStored } from './filters.ts';
import { convolveMap } from './narrow.ts';
import type { Region } from './region.ts';

/** What the ways to write a convolution's input gradient need, in blocks. Values are maps by their declared shapes. */
export function blockedLayout(region: Region, sizes: Geometry): Layout {
  const { b, size } = region;
  const { group, filters, channels } = sizes;
  const depthwise = isDepthwise(sizes);
  return {
    turned(w) {
      if (w.shape.length === 5) return turnedStored(b, w, sizes.kernel);
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
      const [outputs, inputs, kh, kw, block] = filter.shape as number[];
      const pads = [...begins, ...ends].map((p) => Math.max(p, 0));
      const seen = crop(region, x, begins, ends);
      const declared = depthwise ? [outputs * size, 1, kh, kw] : [outputs * size, (inputs * block) / size, kh, kw];
      const out = [kh, kw].map((k, i) => {
        return (seen.shape[2 + i] as number) + pads[i] + pads[2 + i] - (dilations?.[i] ?? 1) * (k - 1);
      });
      return convolveMap(region, {
        x: seen,
        filter: b.reshape(filter, declared),
        group: depthwise ? region.fill(channels) : group,
        dilations,
        pads,
        out,
      });
    },
    // A product with a mask that is 1 in one place of each stride: it uses every core, where `Pad` and `DepthToSpace` use one.
    spread(x, [sh, sw]) {
      const [n, c, h, w] = sizesOf(x);
      const mask = new Float32Array(sh * sw);
      mask[0] = 1;
      const first = b.constant(tensor('float32', [1, sh, 1, sw, 1], mask), 'first');
      const seen = b.reshape(x, [product([n, c / size]), h, 1, w, 1, size]);
      return b.reshape(b.mul(seen, first), [n, c, h * sh, w * sw]);
    },
    interleave: (parts, axis, length) => interleave(region, parts, axis, length),
  };
}

/** Maps of one size, interleaved along a spatial axis and cut to `length`. */
export function interleave(region: Region, parts: readonly Value[], axis: number, length: number): Value {
  const { b, size } = region;
  const [n, c, h, w] = sizesOf(parts[0]);
  const [rows, inner] = axis === 0 ? [h, w * size] : [h * w, size];
  const joined = b.concat(
    parts.map((part) => b.reshape(part, [n, (c / size) * rows, inner])),
    2,
  );
  const whole = axis === 0 ? [n, c, h * parts.length, w] : [n, c, h, w * parts.length];
  const map = b.reshape(joined, whole);
  const missing = (whole[2 + axis] as number) - length;
  return missing ? crop(region, map, [0, 0], axis === 0 ? [-missing, 0] : [0, -missing]) : map;
}

/** Maps without the elements that negative pads leave out. */
export function crop({ b, size }: Region, x: Value, begins: readonly number[], ends: readonly number[]): Value {
  if ([...begins, ...ends].every((p) => p >= 0)) return x;
  const [n, c, h, w] = sizesOf(x);
  const [top, left, bottom, right] = [...begins, ...ends].map((p) => Math.max(0, -p));
  const rows = b.slice(b.reshape(x, [n, c / size, h, w * size]), 2, top, h - bottom);
  const columns = b.slice(rows, 3, left * size, (w - right) * size);
  return b.reshape(columns, [n, c, h - top - bottom, w - left - right]);
}

export const sizesOf = ({ shape }: Value) => shape as [Dimension, number, number, number];
