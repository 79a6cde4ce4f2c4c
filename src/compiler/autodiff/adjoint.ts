import { float, type GraphBuilder, type SpatialAttributes, sameShape, type Value } from '../../onnx/index.ts';

/**
 * Adjoint operators: gradients for which ONNX has no operator, as nodes of the domain `thaw`. A rule emits them by name. Later,
 * `src/compiler/kernels` replaces each with the standard operators that are fastest for the shapes and the device. So rules
 * stay formulas and do not depend on memory layouts.
 */
export const ADJOINT_DOMAIN = 'thaw';

/** Attributes of `Conv`, with explicit pads. */
export interface ConvolutionAttributes extends SpatialAttributes {
  readonly group: number;
  readonly strides: readonly number[];
  readonly dilations: readonly number[];
  readonly pads: readonly number[];
}

function emit(
  b: GraphBuilder,
  op: string,
  inputs: readonly Value[],
  like: Value,
  attributes: Readonly<Record<string, number | readonly number[] | undefined>>,
): Value {
  return b.emit(op, inputs, [{ type: like.type, shape: like.shape }], { ...attributes }, { domain: ADJOINT_DOMAIN })[0];
}

/** ∂x of y = conv(x, w). Inputs: ∂y, w and x. Only the shape of x is read. */
export const convInputGradient = (b: GraphBuilder, dy: Value, w: Value, x: Value, a: ConvolutionAttributes): Value =>
  emit(b, 'ConvInputGradient', [dy, w, x], x, { ...a });

/** ∂w of y = conv(x, w). Inputs: x, ∂y and w. Only the shape of w is read. */
export const convWeightGradient = (b: GraphBuilder, x: Value, dy: Value, w: Value, a: ConvolutionAttributes): Value =>
  emit(b, 'ConvWeightGradient', [x, dy, w], w, { ...a });

/** ∂bias of y = conv(x, w) + bias: ∂y summed over all axes but the channels. */
export const channelSum = (b: GraphBuilder, dy: Value): Value =>
  b.emit('ChannelSum', [dy], [{ type: dy.type, shape: [dy.shape[1]] }], {}, { domain: ADJOINT_DOMAIN })[0];

/** ∂x of y = maxpool(x): ∂y goes to the first maximum of each window. */
export const maxPoolGradient = (
  b: GraphBuilder,
  dy: Value,
  x: Value,
  y: Value,
  a: SpatialAttributes & { readonly kernel_shape: readonly number[] },
): Value => {
  if (!sameShape(dy.shape, y.shape)) throw new Error(`MaxPoolGradient: ∂y [${dy.shape}] against y [${y.shape}]`);
  return emit(b, 'MaxPoolGradient', [dy, x, y], x, { ...a });
};

/** ∂x of y = averagepool(x): ∂y spread evenly over each window. */
export const averagePoolGradient = (
  b: GraphBuilder,
  dy: Value,
  x: Value,
  a: SpatialAttributes & { readonly kernel_shape: readonly number[]; readonly count_include_pad: number },
): Value => emit(b, 'AveragePoolGradient', [dy, x], x, { ...a });

/**
 * y = (x − μ)/√(σ² + ε)·γ + β. The inputs include the batch's μ and σ², and n, the number of elements of a channel. The gradient of this
 * single operator takes a few passes over memory; separate operators would take dozens.
 */
export const normalizeBatch = (
  b: GraphBuilder,
  inputs: readonly [x: Value, scale: Value, bias: Value, mean: Value, variance: Value, n: Value],
  epsilon: number,
): Value => b.emit('NormalizeBatch', inputs, [inputs[0]], { epsilon: float(epsilon) }, { domain: ADJOINT_DOMAIN })[0];

/** ∂x of y = gelu(x) = x·Φ(x). Written out, it takes nine passes over memory, which are faster on blocks that fit into the caches. */
export const geluGradient = (b: GraphBuilder, x: Value, dy: Value): Value =>
  b.emit('GeluGradient', [x, dy], [x], {}, { domain: ADJOINT_DOMAIN })[0];

/** Positions of the inputs that adjoint operators read for their shape only. */
export const SHAPE_INPUTS: Readonly<Record<string, readonly number[]>> = {
  ConvInputGradient: [2],
  ConvWeightGradient: [2],
  MaxPoolGradient: [2],
  AveragePoolGradient: [1],
};

/**
 * Returns x, but not before `trigger` is computed, so that everything computed from x waits too. Both first axes are unknown at compile
 * time.
 */
export const late = (b: GraphBuilder, x: Value, trigger: Value): Value =>
  b.emit('Late', [x, trigger], [x], {}, { domain: ADJOINT_DOMAIN })[0];
