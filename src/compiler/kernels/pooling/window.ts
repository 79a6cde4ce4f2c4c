import { type GraphBuilder, product, type SpatialAttributes, type Value } from '../../../onnx/index.ts';
import type { AdjointCall } from '../lowering.ts';

/** The sizes of a pooling, one number a spatial axis. */
export interface Window {
  readonly dy: Value;
  readonly x: Value;
  readonly kernel: readonly number[];
  readonly strides: readonly number[];
  readonly dilations: readonly number[];
  readonly begins: readonly number[];
  readonly ends: readonly number[];
  readonly spatial: readonly number[];
  readonly out: readonly number[];
  readonly ceilMode: number;
  readonly countIncludePad: boolean;
}

export function windowOf({ inputs: [dy, x], attributes }: AdjointCall): Window {
  const a = attributes as SpatialAttributes & { kernel_shape: readonly number[]; count_include_pad?: number };
  const kernel = a.kernel_shape;
  const pads = a.pads ?? kernel.flatMap(() => [0, 0]);
  return {
    dy,
    x,
    kernel,
    strides: a.strides ?? kernel.map(() => 1),
    dilations: a.dilations ?? kernel.map(() => 1),
    begins: pads.slice(0, kernel.length),
    ends: pads.slice(kernel.length),
    spatial: x.shape.slice(2) as number[],
    out: dy.shape.slice(2) as number[],
    ceilMode: a.ceil_mode ?? 0,
    countIncludePad: a.count_include_pad === 1,
  };
}

/** Whether no element is in two windows. */
export const isDisjoint = ({ kernel, strides, dilations }: Window): boolean =>
  kernel.every((k, i) => strides[i] >= k && dilations[i] === 1);

/** All elements in a row. */
export const flat = (b: GraphBuilder, x: Value): Value => b.reshape(x, [product(x.shape)]);
