import { product, type Value } from '../../../onnx/index.ts';
import { suitsWinograd, transformedFilter, winograd } from '../winograd.ts';
import { convolve, type MapCall } from './convolve.ts';
import { unchanging } from './filters.ts';
import type { PlaneMap, Region } from './region.ts';

/** With fewer results per image, the transform of a filter that trains costs more than it saves. */
const MANY_RESULTS = 196;

export const isWinograd = ({ x, filter, group, strides, dilations, out }: MapCall, block: number): boolean => {
  const [filters, channels, ...kernel] = filter.shape;
  return (
    // Input images are not in blocks.
    channels % block === 0 &&
    x.shape[1] === channels &&
    product(out) >= MANY_RESULTS &&
    suitsWinograd({ filters, channels, kernel, group, strides, dilations })
  );
};

/** A convolution of maps in blocks. Its products have the channels last. */
export function winogradMap(region: Region, call: MapCall): Value<PlaneMap> {
  const { b, size } = region;
  const { x, filter, pads, out, bias, sum, activation } = call;
  const [n, channels, ...spatial] = x.shape;
  const [filters, , kh, kw] = filter.shape;
  const rows = region.channelsLast({ value: x, channels });
  // [O/B, I/B, taps, B inputs, B outputs] → [taps, I/B, B inputs, O/B, B outputs]
  const blocks = b.reshape(filter, [filters / size, channels / size, kh * kw, size, size]);
  const byTap = b.reshape(b.transpose(blocks, [2, 1, 3, 0, 4]), [kh * kw, channels, filters]);
  const sizes = { filters, channels, spatial, out, begins: pads.slice(0, 2) };
  const result = winograd(b, sizes, rows, transformedFilter(b, byTap));
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
