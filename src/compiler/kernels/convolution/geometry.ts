import { type Dimension, type GraphBuilder, product, type Shape, type Value } from '../../../onnx/index.ts';
import type { ConvolutionAttributes } from '../../autodiff/index.ts';

/** The sizes of y = conv(x, w), one number a spatial axis: x `[batch, channels, …spatial]`, y `[batch, filters, …out]`. */
export interface Geometry {
  readonly batch: Dimension;
  readonly channels: number;
  readonly filters: number;
  readonly group: number;
  readonly kernel: readonly number[];
  readonly strides: readonly number[];
  readonly dilations: readonly number[];
  /** Pads at the beginnings and at the ends. */
  readonly begins: readonly number[];
  readonly ends: readonly number[];
  readonly spatial: readonly number[];
  readonly out: readonly number[];
  /** Products over the spatial axes. */
  readonly taps: number;
  readonly positions: number;
}

export function geometry(x: Shape, w: Shape, dy: Shape, a: ConvolutionAttributes): Geometry {
  const kernel = w.slice(2) as number[];
  const out = dy.slice(2) as number[];
  return {
    batch: x[0],
    channels: x[1] as number,
    filters: w[0] as number,
    group: a.group,
    kernel,
    strides: a.strides,
    dilations: a.dilations,
    begins: a.pads.slice(0, kernel.length),
    ends: a.pads.slice(kernel.length),
    spatial: x.slice(2) as number[],
    out,
    taps: product(kernel) as number,
    positions: product(out) as number,
  };
}

export const isDepthwise = ({ group, channels }: Geometry): boolean => group > 1 && group === channels;
export const isUnstrided = ({ strides }: Geometry): boolean => strides.every((s) => s === 1);
export const isPointwise = ({ taps, begins, ends }: Geometry): boolean =>
  taps === 1 && [...begins, ...ends].every((p) => p === 0);

/** A convolution whose pads may be negative: those elements of x are left out. */
export function convSigned(
  b: GraphBuilder,
  x: Value,
  w: Value,
  begins: readonly number[],
  ends: readonly number[],
  attributes: { readonly group: number; readonly dilations?: readonly number[] },
): Value {
  const pads = [...begins, ...ends].map((p) => Math.max(p, 0));
  return b.conv(crop(b, x, begins, ends), w, undefined, { ...attributes, pads });
}

/** x without the elements that negative pads leave out. */
export const crop = (b: GraphBuilder, x: Value, begins: readonly number[], ends: readonly number[]): Value =>
  begins.reduce((rest, begin, i) => {
    const size = rest.shape[2 + i] as number;
    const [from, to] = [Math.max(0, -begin), size - Math.max(0, -ends[i])];
    return from === 0 && to === size ? rest : b.slice(rest, 2 + i, from, to);
  }, x);
