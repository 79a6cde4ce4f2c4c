import { type GraphBuilder, product, type Value } from '../../../onnx/index.ts';
import { hasKnownSizes, type MapShape } from '../convolution/geometry.ts';
import type { AdjointCall } from '../lowering.ts';

/** The placement of windows over x, one number per spatial axis. */
export interface Window {
  readonly dy: Value;
  readonly x: Value;
  readonly kernel: readonly number[];
  readonly strides: readonly number[];
  readonly dilations: readonly number[];
  readonly begins: readonly number[];
  readonly ends: readonly number[];
  readonly ceilMode: number;
  readonly countIncludePad: boolean;
}

/** The same for maps of known sizes. */
export interface SizedWindow extends Window {
  readonly dy: Value<MapShape>;
  readonly x: Value<MapShape>;
  readonly spatial: readonly number[];
  readonly out: readonly number[];
}

export function windowOf({ inputs: [dy, x], attributes }: Pick<AdjointCall, 'inputs' | 'attributes'>): Window {
  const kernel: readonly number[] = attributes.kernel_shape;
  const pads: readonly number[] = attributes.pads ?? kernel.flatMap(() => [0, 0]);
  return {
    dy,
    x,
    kernel,
    strides: attributes.strides ?? kernel.map(() => 1),
    dilations: attributes.dilations ?? kernel.map(() => 1),
    begins: pads.slice(0, kernel.length),
    ends: pads.slice(kernel.length),
    ceilMode: attributes.ceil_mode ?? 0,
    countIncludePad: attributes.count_include_pad === 1,
  };
}

/** @throws if a size is known only at run time */
export function sizedWindowOf(call: Pick<AdjointCall, 'inputs' | 'attributes'>): SizedWindow {
  const { dy, x, ...window } = windowOf(call);
  if (!hasKnownSizes(x) || !hasKnownSizes(dy))
    throw new Error(`the sizes of a pooling from [${x.shape}] to [${dy.shape}] are not known when compiling`);
  const [, , ...spatial] = x.shape;
  const [, , ...out] = dy.shape;
  return { ...window, dy, x, spatial, out };
}

/** Whether no element is in two windows. */
export const isDisjoint = ({ kernel, strides, dilations }: Window): boolean =>
  kernel.every((k, i) => strides[i] >= k && dilations[i] === 1);

/** All elements in one axis. */
export const flat = (b: GraphBuilder, x: Value): Value => b.reshape(x, [product(x.shape)]);
