import { product, type Value } from '../../../onnx/index.ts';
import type { Geometry } from '../convolution/geometry.ts';
import { heldInPlace } from '../late.ts';
import { suitsWinograd, transformedFilter, winograd, winogradWeightGradient } from '../winograd.ts';
import { convolve, type MapCall } from './convolve.ts';
import { unchanging } from './filters.ts';
import type { Plane, PlaneMap, Region } from './region.ts';
import { storedShape } from './stored.ts';

type MapValue = Value<PlaneMap>;

/** With fewer results per image, the transform of a filter that trains costs more than it saves. */
const MANY_RESULTS = 49;
/** The same for an evaluation: it runs too seldom to pay for the memory of the transformed filter. */
const MANY_EVALUATED = 196;

export const isWinograd = ({ x, filter, group, strides, dilations, out }: MapCall, region: Region): boolean => {
  const [filters, channels, ...kernel] = filter.shape;
  return (
    // Input images are not in blocks.
    channels % region.size === 0 &&
    x.shape[1] === channels &&
    product(out) >= (region.trains ? MANY_RESULTS : MANY_EVALUATED) &&
    suitsWinograd({ filters, channels, kernel, group, strides, dilations })
  );
};

/** Whether ∂w has this form: of whole blocks, and under the same conditions. */
export const isWinogradGradient = (sizes: Geometry<Plane>, block: number): boolean =>
  sizes.filters % block === 0 &&
  sizes.channels % block === 0 &&
  product(sizes.out) >= MANY_RESULTS &&
  suitsWinograd(sizes);

/** ∂w of two maps in blocks, in the order of stored filters: `[O/B, I/B, taps, B inputs, B outputs]`. */
export function winogradStoredGradient(region: Region, sizes: Geometry<Plane>, x: MapValue, dy: MapValue) {
  const { b, size } = region;
  const { filters, channels, kernel, taps } = sizes;
  const blocks = b.reshape(byTap(region, sizes, x, dy), [taps, channels / size, size, filters / size, size]);
  const ordered = b.transpose(blocks, [3, 1, 0, 2, 4]);
  return heldInPlace(b, b.reshape(ordered, storedShape([filters, channels, ...kernel], size)), dy);
}

/** The same in the standard order. */
export function winogradStandardGradient(region: Region, sizes: Geometry<Plane>, x: MapValue, dy: MapValue): Value {
  const { b } = region;
  const { filters, channels, kernel } = sizes;
  return b.reshape(b.transpose(byTap(region, sizes, x, dy), [2, 1, 0]), [filters, channels, ...kernel]);
}

/** `[9, C, O]` */
function byTap(region: Region, sizes: Geometry<Plane>, x: MapValue, dy: MapValue): Value {
  const { filters, channels } = sizes;
  return winogradWeightGradient(
    region.b,
    sizes,
    region.channelsLast({ value: x, channels }),
    region.channelsLast({ value: dy, channels: filters }),
  );
}

/** A convolution of maps in blocks. Its products have the channels last. */
export function winogradMap(region: Region, call: MapCall): Value<PlaneMap> {
  const { b, size } = region;
  const { x, filter, pads, out, bias, sum, activation } = call;
  const [n, channels, ...spatial] = x.shape;
  const [filters, , kh, kw] = filter.shape;
  const rows = region.channelsLast({ value: x, channels });
  // [O/B, I/B, taps, B inputs, B outputs] → [taps, I/B, B inputs, O/B, B outputs]
  const blocks = b.reshape(filter, [filters / size, channels / size, kh * kw, size, size]);
  const taps = b.reshape(b.transpose(blocks, [2, 1, 3, 0, 4]), [kh * kw, channels, filters]);
  const sizes = { filters, channels, spatial, out, begins: pads.slice(0, 2) };
  const result = winograd(b, sizes, rows, transformedFilter(b, taps));
  const map = region.fromChannelsLast(result, [n, filters, ...out]);
  if (!bias && !sum && !activation) return map;
  return convolve(region, {
    x: map,
    filter: unchanging(b, filters),
    bias,
    sum,
    activation,
    group: filters,
    pads: [0, 0, 0, 0],
    out,
  });
}
