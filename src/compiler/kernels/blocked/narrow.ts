import { product, type Value } from '../../../onnx/index.ts';
import { beyondPeriod, periodOf } from './apart.ts';
import { convolve, type MapCall } from './convolve.ts';
import { copied } from './copies.ts';
import type { PlaneMap, Region } from './region.ts';
import { isWinograd, winogradMap } from './winograd.ts';

/** With fewer columns, most of a row is at its edges. */
const NARROW = 12;

/** With this many products per moved element, the moves save more time than they take. */
const MANY_PRODUCTS = 1500;

/**
 * A convolution of maps. ONNX Runtime computes six columns at a time, but columns that see padding one by one. Of seven columns, two see
 * padding, and the other five are fewer than six. So narrow images are put next to each other, with columns of zeros between them.
 */
export function convolveMap(region: Region, call: MapCall): Value<PlaneMap> {
  if (isWinograd(call, region)) return winogradMap(region, call);
  return isNarrow(call, region.size) ? sideBySide(region, call) : convolve(region, call);
}

function isNarrow({ x, filter, group, dilations, out }: MapCall, block: number): boolean {
  const [filters, channels, ...kernel] = filter.shape;
  const products = (product(kernel) * filters * channels) / (filters + channels);
  // Input images, with their 3 channels, are not in blocks.
  const inBlocks = channels % block === 0;
  const plain = inBlocks && group === 1 && (dilations?.every((d) => d === 1) ?? true);
  return plain && kernel[1] > 1 && x.shape[1] === channels && out[1] < NARROW && products >= MANY_PRODUCTS;
}

function sideBySide(region: Region, call: MapCall): Value<PlaneMap> {
  const { b, size } = region;
  const { x, filter, strides, pads, out } = call;
  const [n, channels, height, width] = x.shape;
  const [filters, , , kernel] = filter.shape;
  const [rows, columns] = out;
  const stride = strides?.[1] ?? 1;
  const [top, begin, bottom] = pads;
  const passage = { length: width, out: columns, kernel, stride, dilation: 1, begin };
  const period = periodOf(passage);
  const still = { stride: 1, shift: 0, length: height, out: height };
  const apart = copied(region, x, [still, { stride: 1, shift: 0, length: width, out: period * stride }]);
  const row = period * stride * size;
  const beside = b.transpose(b.reshape(apart, [n, channels / size, height, row]), [1, 2, 0, 3]);
  const result = convolve(region, {
    ...call,
    x: b.reshape(beside, [1, channels, height, product([n, period * stride])]),
    pads: [top, begin, bottom, Math.max(0, beyondPeriod(passage))],
    out: [rows, product([n, period])],
  });
  const images = b.transpose(b.reshape(result, [filters / size, rows, n, period * size]), [2, 0, 1, 3]);
  const whole = b.slice(b.reshape(images, [n, filters / size, rows, period * size]), 3, 0, columns * size);
  return b.reshape(whole, [n, filters, rows, columns]);
}
