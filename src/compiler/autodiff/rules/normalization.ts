import { axis, type GraphBuilder, isStatic, product, sameShape, type Value } from '../../../onnx/index.ts';
import { channelSum } from '../adjoint.ts';
import type { RuleContext, Rules } from '../rule.ts';

interface Standardized {
  /** x̂ = (x − mean x) / σ */
  readonly normal: Value;
  readonly mean: Value;
  /** mean (x − mean x)² */
  readonly variance: Value;
  /** 1 / σ = 1 / √(variance + ε) */
  readonly inverse: Value;
}

function standardize(b: GraphBuilder, x: Value, axes: readonly number[], epsilon: number): Standardized {
  const mean = (value: Value) => b.reduceMean(value, axes, { keepdims: true });
  const d = b.sub(x, mean(x));
  const variance = mean(b.square(d));
  const inverse = b.reciprocal(b.sqrt(b.add(variance, epsilon)));
  return { normal: b.mul(d, inverse), mean: mean(x), variance, inverse };
}

/** ∂x of x̂, given ∂x̂ = g:  (g − mean g − x̂·mean(g·x̂)) / σ */
function standardizedGradient(
  b: GraphBuilder,
  g: Value,
  { normal, inverse }: Pick<Standardized, 'normal' | 'inverse'>,
  axes: readonly number[],
): Value {
  const mean = (value: Value) => b.reduceMean(value, axes, { keepdims: true });
  return b.mul(b.sub(b.sub(g, mean(g)), b.mul(normal, mean(b.mul(g, normal)))), inverse);
}

const trailingAxes = (x: Value, from: number) => x.shape.map((_, i) => i).slice(axis(from, x.shape.length));

/** Reshapes a value per channel `[C]` so that it broadcasts against `[N, C, …]`. */
const byChannel = (b: GraphBuilder, value: Value, like: Value): Value =>
  b.reshape(value, [value.shape[0], ...like.shape.slice(2).map(() => 1)]);

/** The statistics of each row in a layer normalization: 1/σ, and the mean if it is subtracted. */
interface RowStatistics {
  readonly mean?: Value;
  readonly inverse: Value;
}

/**
 * Layer normalization: y = s·d/σ + c with d = x − mean x, or x, over the last axes. `s` and `c` may broadcast.
 *
 *     ∂x = (g − mean g)/σ − d·mean(h·s)/σ³,  ∂s = Σ h/σ,  ∂c = Σ ∂y,  with g = ∂y·s, h = ∂y·d
 *
 * @param statistics from the operator's outputs, if it has them
 */
export function layerNormalization(
  { b, inputs: [x, scale, shift], dy: [dy], reached, attributes, refuse }: RuleContext,
  centred: boolean,
  statistics?: RowStatistics,
) {
  const { axis: from = -1, epsilon = 1e-5 } = attributes;
  if (reached[1] || reached[2]) refuse('its mean or standard deviation is used as a result');
  const axes = trailingAxes(x, from);
  const mean = (value: Value) => b.reduceMean(value, axes, { keepdims: true });
  const d = () => (centred ? b.sub(x, statistics?.mean ?? mean(x)) : x);
  const inverse = () => statistics?.inverse ?? b.reciprocal(b.sqrt(b.add(mean(b.square(d())), epsilon)));
  const h = () => b.mul(dy, d());
  // Sums over rows and columns of a matrix as products with a vector: one pass over memory; a product and its sum would take two.
  const size = axes.length === 1 && scale && sameShape(scale.shape, x.shape.slice(-1)) ? scale.shape[0] : undefined;
  const isMatrix = typeof size === 'number' && x.shape.length > 1;
  const moment = () => {
    if (!scale) return mean(h());
    return isMatrix ? b.matmul(h(), b.reshape(b.mul(scale, 1 / size), [size, 1])) : mean(b.mul(h(), scale));
  };
  return [
    () => {
      const g = scale ? b.mul(dy, scale) : dy;
      const along = b.mul(d(), b.mul(moment(), b.mul(inverse(), b.square(inverse()))));
      return b.sub(b.mul(centred ? b.sub(g, mean(g)) : g, inverse()), along);
    },
    scale &&
      (() => {
        if (!isMatrix) return b.mul(h(), inverse());
        const rows = product(x.shape.slice(0, -1));
        return b.reshape(b.gemm(b.reshape(inverse(), [1, rows]), b.reshape(h(), [rows, size])), [size]);
      }),
    shift && (() => dy),
  ];
}

/** y = s·x̂ + c with the batch's statistics, and the running statistics r′ = m·r + (1 − m)·(mean or variance). */
function batchNormTraining(
  b: GraphBuilder,
  [x, scale, shift, mean, variance]: readonly Value[],
  epsilon: number,
  momentum: number,
): Value[] {
  const axes = x.shape.map((_, i) => i).filter((i) => i !== 1);
  const { normal, ...moments } = standardize(b, x, axes, epsilon);
  const moved = (running: Value, batch: Value) =>
    b.add(b.mul(running, momentum), b.mul(b.squeeze(batch, axes), 1 - momentum));
  return [
    b.add(b.mul(normal, byChannel(b, scale, x)), byChannel(b, shift, x)),
    moved(mean, moments.mean),
    moved(variance, moments.variance),
  ];
}

export const normalization: Rules = {
  // Frozen statistics: y = s·(x − μ)/√(v + ε) + c
  // ∂x = ∂y·k, ∂s = Σ ∂y·(x − μ)/σ, ∂c = Σ ∂y, ∂μ = −k·Σ ∂y, ∂v = −k/2σ²·Σ ∂y·(x − μ), with k = s/σ
  // Batch statistics: y = s·x̂ + c
  BatchNormalization: ({ b, inputs: [x, scale, , mean, variance], dy: [dy], reached, attributes, composed }) => {
    const { epsilon = 1e-5, training_mode = 0, momentum = 0.9 } = attributes;
    if (training_mode) {
      if (reached[1] || reached[2]) return composed((values) => batchNormTraining(b, values, epsilon, momentum));
      const axes = x.shape.map((_, i) => i).filter((i) => i !== 1);
      const standardized = () => standardize(b, x, axes, epsilon);
      return [
        () => standardizedGradient(b, b.mul(dy, byChannel(b, scale, x)), standardized(), axes),
        () => channelSum(b, b.mul(dy, standardized().normal)),
        () => channelSum(b, dy),
        'zero',
        'zero',
      ];
    }
    const inverse = () => b.reciprocal(b.sqrt(b.add(variance, epsilon)));
    const k = () => b.mul(scale, inverse());
    // Σ ∂y·(x − μ), without a pass over memory for the difference
    const moment = () => b.sub(channelSum(b, b.mul(dy, x)), b.mul(mean, channelSum(b, dy)));
    return [
      () => b.mul(dy, byChannel(b, k(), x)),
      () => b.mul(moment(), inverse()),
      () => channelSum(b, dy),
      () => b.neg(b.mul(k(), channelSum(b, dy))),
      () => b.mul(b.mul(k(), -0.5), b.mul(b.square(inverse()), moment())),
    ];
  },

  // y = s·x̂ + c over the last axes
  LayerNormalization: (context) => {
    const [, mean, inverse] = context.outputs;
    const { b, reached, attributes, composed } = context;
    if (reached[1] || reached[2]) {
      return composed(([x, scale, shift]) => {
        const axes = trailingAxes(x, attributes.axis ?? -1);
        const { normal, ...moments } = standardize(b, x, axes, attributes.epsilon ?? 1e-5);
        const scaled = b.mul(normal, scale);
        return [shift ? b.add(scaled, shift) : scaled, moments.mean, moments.inverse];
      });
    }
    return layerNormalization(context, true, mean && inverse && { mean, inverse });
  },

  // y = s·x / √(mean x² + ε) over the last axes
  RMSNormalization: (context) => layerNormalization(context, false),
  // RMSNormalization under the name that ONNX Runtime's optimizer uses.
  SimplifiedLayerNormalization: (context) => layerNormalization(context, false),

  // y = s·x̂ + c over each map
  InstanceNormalization: ({ b, inputs: [x, scale], dy: [dy], attributes: { epsilon = 1e-5 } }) => {
    const axes = trailingAxes(x, 2);
    const standardized = () => standardize(b, x, axes, epsilon);
    return [
      () => standardizedGradient(b, b.mul(dy, byChannel(b, scale, x)), standardized(), axes),
      () => channelSum(b, b.mul(dy, standardized().normal)),
      () => channelSum(b, dy),
    ];
  },

  // y = s·x̂ + c over groups of channels, seen as [N, G, C/G · maps]; s and c per channel or, in operator set 18, per group
  GroupNormalization: ({ b, inputs: [x, scale, shift], dy: [dy], attributes, refuse }) => {
    const { epsilon = 1e-5, num_groups: groups } = attributes;
    const image = x.shape.slice(1);
    if (!isStatic(image)) return refuse('its image size is not fixed');
    const [channels] = image;
    const size = product(image);
    const members = channels / groups;
    const grouped = (value: Value) => b.reshape(value, [x.shape[0], groups, size / groups]);
    const standardized = () => standardize(b, grouped(x), [2], epsilon);
    const spread = (value: Value) =>
      value.shape[0] === channels
        ? value
        : b.reshape(b.expand(b.reshape(value, [groups, 1]), [groups, members]), [channels]);
    const gathered = (sums: Value, like: Value) =>
      like.shape[0] === channels ? sums : b.reduceSum(b.reshape(sums, [groups, members]), [1]);
    return [
      () =>
        b.reshapeLike(
          standardizedGradient(b, grouped(b.mul(dy, byChannel(b, spread(scale), x))), standardized(), [2]),
          x,
        ),
      () => gathered(channelSum(b, b.mul(dy, b.reshapeLike(standardized().normal, x))), scale),
      () => gathered(channelSum(b, dy), shift),
    ];
  },

  // y = (x − mean x) / (√(mean (x − mean x)²) + ε), ε = 1e-9
  MeanVarianceNormalization: ({ b, inputs: [x], dy: [dy], attributes: { axes = [0, 2, 3] } }) => [
    () => standardizedGradient(b, dy, standardize(b, x, axes, 0), axes),
  ],

  // y = x / ‖x‖ₚ        p = 2: ∂x = (∂y − y·Σ ∂y·y) / ‖x‖; p = 1: ∂x = (∂y − sign x·Σ ∂y·y) / ‖x‖
  LpNormalization: ({ b, inputs: [x], outputs: [y], dy: [dy], attributes: { axis: at = -1, p = 2 } }) => [
    () => {
      const norm = b.reduce(p === 1 ? 'ReduceL1' : 'ReduceL2', x, [at], { keepdims: true });
      const along = b.reduceSum(b.mul(dy, y), [at], { keepdims: true });
      return b.div(b.sub(dy, b.mul(p === 1 ? b.sign(x) : y, along)), b.max(norm, 1e-30));
    },
  ],

  // y = x·q^(−β), q = k + α/n·Σ x² over n neighbouring channels
  // ∂x = ∂y·q^(−β) − 2αβ/n·x·Σ ∂y·y/q over the channels that have this one as a neighbour
  LRN: ({ b, inputs: [x], outputs: [y], dy: [dy], attributes: { alpha = 1e-4, beta = 0.75, bias = 1, size } }) => [
    () => {
      const [n, channels, ...spatial] = x.shape;
      const [before, after] = [Math.floor((size - 1) / 2), Math.ceil((size - 1) / 2)];
      // Sums over channels are an average pool of [N, 1, C, maps], windows of n by 1.
      const neighbours = (value: Value, pads: readonly number[]) => {
        const image = b.emit(
          'Reshape',
          [value, b.ints([0, 1, Number(channels), -1])],
          [{ type: value.type, shape: [n, 1, channels, product(spatial)] }],
        )[0];
        return b.reshapeLike(b.mul(b.averagePool(image, [size, 1], { pads, count_include_pad: 1 }), size), x);
      };
      const q = b.add(b.mul(neighbours(b.square(x), [before, 0, after, 0]), alpha / size), bias);
      const back = neighbours(b.div(b.mul(dy, y), q), [after, 0, before, 0]);
      return b.sub(b.mul(dy, b.pow(q, -beta)), b.mul(x, b.mul(back, (2 * alpha * beta) / size)));
    },
  ],
};
