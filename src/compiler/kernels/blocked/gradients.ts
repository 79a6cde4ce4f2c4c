import { type Node, plainAttributes, product, type Value } from '../../../onnx/index.ts';
import type { ConvolutionAttributes } from '../../autodiff/index.ts';
import { type Geometry, geometry, isPointwise, isUnstrided } from '../convolution/geometry.ts';
import { flipped, hasPhases, type Layout, phases } from '../convolution/input-gradient.ts';
import { bindLate } from '../late.ts';
import { sumOverBatch } from '../scan.ts';
import { convolve } from './convolve.ts';
import { directFilterGradient, directPlainGradient, directWeightGradient, suitsDirect } from './direct.ts';
import { fitOf } from './forward.ts';
import { blockedLayout, crop } from './layout.ts';
import { maxPoolGradient } from './max-pool.ts';
import { type Handler, isMap, NCHWC, type Region } from './region.ts';

/** Below so many positions a product per sample is too small to be quick. */
const FEW_POSITIONS = 64;

function sizesOf({ b }: Region, node: Node, [x, w, dy]: readonly string[]) {
  const [xs, ws, ys] = [x, w, dy].map((name) => b.value(name).shape);
  if (!isMap(xs) || !isMap(ys) || b.value(x).type !== 'float32') return undefined;
  return geometry(xs, ws, ys, plainAttributes(node) as ConvolutionAttributes);
}

const inputGradient: Handler = (region, node) => {
  const [dy, w, x] = node.inputs;
  const sizes = sizesOf(region, node, [x, w, dy]);
  const { size, fill } = region;
  if (!sizes || sizes.positions === 1) return undefined;
  const fit = fitOf(size, sizes);
  if (!fit || fit === 'plain-input' || (sizes.dilations.some((d) => d !== 1) && !isUnstrided(sizes))) return undefined;
  const layout = blockedLayout(region, sizes);
  const byPhases = fit === 'dense' && !isUnstrided(sizes) && hasPhases(sizes);
  const filter = region.isFilter(w) ? region.filter(w) : region.standard(w);
  const write = byPhases ? phases : fit === 'dense' && isPointwise(sizes) ? spacedOut(region) : flipped;
  const value = write(layout, region.blocked(dy).value, filter, sizes);
  if (value.shape[1] !== fill(sizes.channels))
    throw new Error(`ConvInputGradient: ${value.shape[1]} channels in blocks`);
  return [{ blocked: { value, channels: sizes.channels } }];
};

/** ∂x of windows of one element: zeros are put between what the convolution gives, which has fewer elements than ∂y spread. */
const spacedOut =
  (region: Region) =>
  (layout: Layout, dy: Value, w: Value, sizes: Geometry): Value => {
    const { strides, spatial, out } = sizes;
    const seen = layout.conv(dy, layout.turned(w), [0, 0], [0, 0]);
    const ends = spatial.map((length, i) => length - out[i] * strides[i]);
    return isUnstrided(sizes) ? seen : crop(region, layout.spread(seen, strides), [0, 0], ends);
  };

/**
 * One filter a channel: ∂w = x ∗ ∂y, a convolution in which each channel's ∂y is its filter. In blocks its bytes are in the
 * filter's order already. What was the stride dilates the filter.
 */
function depthwiseWeightGradient(region: Region, node: Node): Value {
  const { b, size, fill } = region;
  const [x, dy, w] = node.inputs;
  const sizes = sizesOf(region, node, [x, w, dy])!;
  const { kernel, strides, dilations, begins, spatial, out, channels, taps } = sizes;
  const full = fill(channels);
  // Windows of K taps, `dilation` apart, over x: what lies beyond the last tap's is left out by negative pads, cut from x.
  const ends = kernel.map((k, i) => (k - 1) * dilations[i] + (out[i] - 1) * strides[i] + 1 - spatial[i] - begins[i]);
  const start = b.expand(b.scalar(0), [1, full, ...kernel]);
  const sum = sumOverBatch(
    b,
    [region.blocked(x).value, region.blocked(dy).value],
    start,
    (before, [image, gradient]) => {
      const seen = crop(region, b.reshape(image, [1, full, ...spatial]), [0, 0], ends);
      const products = convolve(region, {
        x: seen,
        filter: b.reshape(gradient, [full, 1, ...out]),
        group: full,
        strides: dilations,
        dilations: strides,
        pads: [...begins, ...ends.map((p) => Math.max(p, 0))],
        out: kernel,
      });
      return b.add(before, products);
    },
  );
  const ordered = b.transpose(b.reshape(sum, [full / size, taps, size]), [0, 2, 1]);
  return b.slice(b.reshape(ordered, [full, 1, ...kernel]), 0, 0, channels);
}

/** 1x1 on small maps: ∂w = ∂yᵀ·x as one product over samples and positions, both moved to `[N·positions, channels]`. */
function pointwiseWeightGradient(region: Region, node: Node): Value {
  const { b } = region;
  const rows = (name: string): Value => {
    const { value, channels } = region.blocked(name);
    const [n, , h, w] = value.shape;
    const output = { type: value.type, shape: [n, h, w, channels] };
    const attributes = { channels, channels_last: 1 };
    const [moved] = b.emit('ReorderOutput', [value], [output], attributes, { domain: NCHWC });
    return b.reshape(moved, [product([n, h, w]), channels]);
  };
  const [x, dy, w] = node.inputs;
  return b.reshape(b.gemm(rows(dy), rows(x), undefined, { transA: true }), b.value(w).shape);
}

const weightGradient: Handler = (region, node) => {
  const [x, dy, w] = node.inputs;
  const sizes = sizesOf(region, node, [x, w, dy]);
  const fit = sizes && fitOf(region.size, sizes);
  if (fit === 'depthwise') return [{ standard: depthwiseWeightGradient(region, node) }];
  if (!fit || !region.isBlocked(dy)) return undefined;
  if (fit === 'plain-input') {
    if (!suitsDirect(sizes)) return undefined;
    return [{ standard: directPlainGradient(region, sizes, region.standard(x), region.blocked(dy).value) }];
  }
  if (!region.isBlocked(x)) return undefined;
  if (isPointwise(sizes) && isUnstrided(sizes)) {
    const small = sizes.positions <= FEW_POSITIONS && sizes.group === 1;
    return small ? [{ standard: pointwiseWeightGradient(region, node) }] : undefined;
  }
  if (!suitsDirect(sizes)) return undefined;
  const [map, gradient] = [x, dy].map((name) => region.blocked(name).value);
  if (region.isFilter(w)) return [{ filter: directFilterGradient(region, sizes, map, gradient) }];
  return [{ standard: directWeightGradient(region, sizes, map, gradient) }];
};

const channelSum: Handler = (region, node) => {
  const { b } = region;
  const [dy] = node.inputs;
  if (!region.isBlocked(dy)) return undefined;
  const { value, channels } = region.blocked(dy);
  const [n, filled] = value.shape as [Value['shape'][0], number];
  // Over positions, then over samples: both at once is many times slower.
  const sums = b.reshape(b.reduceSum(region.view({ value, channels }), [2]), [n, filled]);
  const all = b.reduceSum(sums, [0]);
  return [{ standard: filled === channels ? all : b.slice(all, 0, 0, channels) }];
};

const late: Handler = (region, node) => {
  const [x, trigger] = node.inputs;
  if (!region.isBlocked(x)) return undefined;
  const { value, channels } = region.blocked(x);
  const by = region.isBlocked(trigger) ? region.blocked(trigger).value : region.standard(trigger);
  return [{ blocked: { value: bindLate(region.b, value, by), channels } }];
};

/** Zero for what fills up the last block, as ∂y is there. */
const geluGradient: Handler = (region, node) => {
  if (!node.inputs.some(region.isBlocked) || !isMap(region.b.value(node.outputs[0]).shape)) return undefined;
  const [x, dy] = node.inputs.map((name) => region.blocked(name));
  const [value] = region.b.emit(node.op, [x.value, dy.value], [x.value], {}, { domain: node.domain });
  return [{ blocked: { value, channels: x.channels } }];
};

export const GRADIENTS: Readonly<Record<string, Handler>> = {
  ConvInputGradient: inputGradient,
  ConvWeightGradient: weightGradient,
  MaxPoolGradient: maxPoolGradient,
  GeluGradient: geluGradient,
  ChannelSum: channelSum,
  Late: late,
};
