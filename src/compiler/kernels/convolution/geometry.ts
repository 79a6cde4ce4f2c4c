import { type Dimension, type GraphBuilder, isStatic, product, type Value } from '../../../onnx/index.ts';
import type { ConvolutionAttributes } from '../../autodiff/index.ts';
import type { AdjointCall } from '../lowering.ts';

/** The shape `[N, C, …]` of maps with known channels and sizes. @typeParam A one number per spatial axis */
export type MapShape<A extends readonly number[] = readonly number[]> = readonly [Dimension, number, ...A];

/** The shape `[O, I/group, …]` of filters. */
export type FilterShape<A extends readonly number[] = readonly number[]> = readonly [number, number, ...A];

/** The sizes of y = conv(x, w), one number per spatial axis: x `[batch, channels, …spatial]`, y `[batch, filters, …out]`. */
export interface Geometry<A extends readonly number[] = readonly number[]> {
  readonly batch: Dimension;
  readonly channels: number;
  readonly filters: number;
  readonly group: number;
  readonly kernel: A;
  readonly strides: readonly number[];
  readonly dilations: readonly number[];
  /** Pads at the starts and at the ends. */
  readonly begins: readonly number[];
  readonly ends: readonly number[];
  readonly spatial: A;
  readonly out: A;
  /** Products over the spatial axes. */
  readonly taps: number;
  readonly positions: number;
}

export function geometry<A extends readonly number[]>(
  [batch, channels, ...spatial]: MapShape<A>,
  [filters, , ...kernel]: FilterShape<A>,
  [, , ...out]: MapShape<A>,
  { group, strides, dilations, pads }: ConvolutionAttributes,
): Geometry<A> {
  return {
    batch,
    channels,
    filters,
    group,
    kernel,
    strides,
    dilations,
    begins: pads.slice(0, kernel.length),
    ends: pads.slice(kernel.length),
    spatial,
    out,
    taps: product(kernel),
    positions: product(out),
  };
}

/** The values of a convolution with known sizes, and these sizes. */
export interface Convolution extends Geometry {
  readonly x: Value<MapShape>;
  readonly w: Value<FilterShape>;
  readonly dy: Value<MapShape>;
}

/** @throws if a size is known only at run time */
export function convolutionOf(
  { x, w, dy }: { readonly x: Value; readonly w: Value; readonly dy: Value },
  attributes: AdjointCall['attributes'],
): Convolution {
  if (!hasKnownSizes(x) || !hasKnownSizes(dy) || !isFilter(w))
    throw new Error(`the sizes of a convolution of [${x.shape}] by [${w.shape}] are not known when compiling`);
  return { x, w, dy, ...geometry(x.shape, w.shape, dy.shape, convolutionAttributes(attributes)) };
}

export const convolutionAttributes = ({
  group,
  strides,
  dilations,
  pads,
}: AdjointCall['attributes']): ConvolutionAttributes => ({ group, strides, dilations, pads });

export const hasKnownSizes = (value: Value): value is Value<MapShape> =>
  value.shape.length > 1 && isStatic(value.shape.slice(1));
export const isFilter = (value: Value): value is Value<FilterShape> => value.shape.length > 1 && isStatic(value.shape);

export const isDepthwise = ({ group, channels }: Geometry): boolean => group > 1 && group === channels;
export const isUnstrided = ({ strides }: Geometry): boolean => strides.every((s) => s === 1);
export const isPointwise = ({ taps, begins, ends }: Geometry): boolean =>
  taps === 1 && [...begins, ...ends].every((p) => p === 0);

interface SignedPads {
  readonly begins: readonly number[];
  readonly ends: readonly number[];
  readonly group: number;
  readonly dilations?: readonly number[];
}

/** A convolution whose pads may be negative; a negative pad skips elements of x. */
export function convSigned(
  b: GraphBuilder,
  x: Value<MapShape>,
  w: Value<FilterShape>,
  { begins, ends, ...attributes }: SignedPads,
): Value<MapShape> {
  const pads = [...begins, ...ends].map((p) => Math.max(p, 0));
  return b.conv(crop(b, x, begins, ends), w, undefined, { ...attributes, pads });
}

/** x without the elements that negative pads skip. */
export const crop = (
  b: GraphBuilder,
  x: Value<MapShape>,
  begins: readonly number[],
  ends: readonly number[],
): Value<MapShape> =>
  begins.reduce((rest, begin, i) => {
    const [, , ...spatial] = rest.shape;
    const [from, to] = [Math.max(0, -begin), spatial[i] - Math.max(0, -ends[i])];
    return from === 0 && to === spatial[i] ? rest : b.slice(rest, 2 + i, from, to);
  }, x);
