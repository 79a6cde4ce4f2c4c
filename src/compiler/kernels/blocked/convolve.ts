import { type Dimension, floats, isStatic, type Shape, type Value } from '../../../onnx/index.ts';
import { type Activation, NCHWC, type PlaneFilter, type PlaneMap, type Region } from './region.ts';

/** @typeParam D sizes of the result */
export interface ConvolutionCall<D extends Dimension = number> {
  readonly x: Value;
  /** In block order, declared as `[filled O, I/g, kh, kw]`. */
  readonly filter: Value<readonly [number, ...Shape]>;
  readonly bias?: Value;
  /** Added to the result, before the activation. */
  readonly sum?: Value;
  readonly group: number;
  readonly strides?: readonly number[];
  readonly dilations?: readonly number[];
  readonly pads: readonly number[];
  readonly out: readonly [D, D];
  readonly activation?: Activation;
}

/** Of a map of known sizes and a whole filter. */
export interface MapCall extends ConvolutionCall {
  readonly x: Value<PlaneMap>;
  readonly filter: Value<PlaneFilter>;
}

/** `Conv` of ONNX Runtime's domain for blocks. */
export function convolve<D extends Dimension>(
  { b }: Region,
  call: ConvolutionCall<D>,
): Value<readonly [Dimension, number, D, D]> {
  const { x, filter, bias, sum, group, strides, dilations, pads, out, activation } = call;
  const [filters, , ...kernel] = filter.shape;
  const attributes = {
    // If omitted, it is the filter's.
    kernel_shape: isStatic(kernel) ? kernel : undefined,
    strides,
    dilations,
    pads,
    group,
    activation: activation?.name,
    activation_params: activation?.parameters && floats(activation.parameters),
  };
  const inputs = sum ? [x, filter, bias, sum] : bias ? [x, filter, bias] : [x, filter];
  const output = { type: x.type, shape: [x.shape[0], filters, ...out] } as const;
  return b.emit('Conv', inputs, [output], attributes, { domain: NCHWC })[0];
}
