import { product, type Value } from '../../../onnx/index.ts';
import { suitsWinograd, transformedFilter, winograd } from '../winograd.ts';
import { type ConvolutionCall, convolve } from './convolve.ts';
import { NCHWC, type PlaneFilter, type PlaneMap, type Region } from './region.ts';

interface MapCall extends ConvolutionCall {
  readonly x: Value<PlaneMap>;
  readonly filter: Value<PlaneFilter>;
}

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
  const rows = b.emit(
    'ReorderOutput',
    [x],
    [{ type: x.type, shape: [n, ...spatial, channels] }],
    { channels, channels_last: 1 },
    { domain: NCHWC },
  )[0];
  // [O/B, I/B, taps, B inputs, B outputs] → [taps, I/B, B inputs, O/B, B outputs]
  const blocks = b.reshape(filter, [filters / size, channels / size, kh * kw, size, size]);
  const byTap = b.reshape(b.transpose(blocks, [2, 1, 3, 0, 4]), [kh * kw, channels, filters]);
  const sizes = { filters, channels, spatial, out, begins: pads.slice(0, 2) };
  const result = winograd(b, sizes, rows, transformedFilter(b, byTap));
  const shape = [n, filters, ...out] as const;
  const [map] = b.emit('ReorderInput', [result], [{ type: x.type, shape }], { channels_last: 1 }, { domain: NCHWC });
  if (!bias && !sum && !activation) return map;
  const ones = { type: 'float32', shape: [filters, 1, 1, 1], data: new Float32Array(filters).fill(1) } as const;
  return convolve(region, {
    x: map,
    filter: b.constant(ones, 'ones'),
    bias,
    sum,
    activation,
    group: filters,
    pads: [0, 0, 0, 0],
    out,
  });
}
