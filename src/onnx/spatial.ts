import type { Dimension, Shape } from './shape.ts';

/** Attributes that convolution and pooling share, with ONNX's names; one entry per spatial axis, `pads` begins then ends. */
export interface SpatialAttributes {
  readonly strides?: readonly number[];
  readonly dilations?: readonly number[];
  readonly pads?: readonly number[];
  readonly ceil_mode?: number;
}

/** Spatial sizes of a convolution's result: ⌊(d + pads − dilation·(k − 1) − 1) / stride⌋ + 1. */
export function convolvedShape(
  spatial: readonly Dimension[],
  kernel: readonly number[],
  attributes: SpatialAttributes,
): number[] {
  const { strides, dilations, pads, ceil_mode = 0 } = attributes;
  const rank = kernel.length;
  return kernel.map((k, i) => {
    const d = spatial[i];
    if (typeof d !== 'number') throw new Error(`spatial size ${d} is symbolic`);
    const stride = strides?.[i] ?? 1;
    const padded = d + (pads?.[i] ?? 0) + (pads?.[rank + i] ?? 0);
    const room = padded - (dilations?.[i] ?? 1) * (k - 1) - 1;
    const last = ceil_mode ? Math.ceil(room / stride) : Math.floor(room / stride);
    // With ceil_mode, a last window that would start in the padding at the end is left out.
    return ceil_mode && last * stride >= d + (pads?.[i] ?? 0) ? last : last + 1;
  });
}

export const pooledShape = convolvedShape;

type Padded = SpatialAttributes & { readonly auto_pad?: string };

/**
 * Explicit begin and end pads for any `auto_pad` (ONNX `Conv`: SAME_UPPER puts the odd element at the end). Undefined if they depend
 * on a size that is known only at run time.
 */
export function explicitPads(spatial: readonly number[], kernel: readonly number[], attributes: Padded): number[];
export function explicitPads(spatial: Shape, kernel: readonly number[], attributes: Padded): number[] | undefined;
export function explicitPads(spatial: Shape, kernel: readonly number[], attributes: Padded): number[] | undefined {
  const { auto_pad = 'NOTSET', strides, dilations, pads } = attributes;
  if (auto_pad === 'NOTSET') return [...(pads ?? kernel.flatMap(() => [0, 0]))];
  if (auto_pad === 'VALID') return kernel.flatMap(() => [0, 0]);
  const total: number[] = [];
  for (const [i, k] of kernel.entries()) {
    const [size, stride, reach] = [spatial[i], strides?.[i] ?? 1, (dilations?.[i] ?? 1) * (k - 1)];
    // With a stride of 1, there is one window per element.
    if (stride === 1) total.push(reach);
    else if (typeof size === 'number')
      total.push(Math.max(0, (Math.ceil(size / stride) - 1) * stride + reach + 1 - size));
    else return undefined;
  }
  const small = total.map((t) => Math.floor(t / 2));
  const large = total.map((t, i) => t - small[i]);
  return auto_pad === 'SAME_UPPER' ? [...small, ...large] : [...large, ...small];
}
