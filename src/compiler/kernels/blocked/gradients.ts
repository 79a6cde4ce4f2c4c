import { type Node, plainAttributes, product, type Value } from '../../../onnx/index.ts';
import { convolutionAttributes, type Geometry, geometry, isPointwise, isUnstrided } from '../convolution/geometry.ts';
import { flipped, hasPhases, phases } from '../convolution/input-gradient.ts';
import { bindLate } from '../late.ts';
import { sumOverBatch } from '../scan.ts';
import { convolve } from './convolve.ts';
import { along, copied } from './copies.ts';
import { directPlainGradient, directStoredGradient, directWeightGradient, suitsDirect } from './direct.ts';
import { fitOf } from './forward.ts';
import { type BlockedLayout, blockedLayout, crop } from './layout.ts';
import { maxPoolGradient } from './max-pool.ts';
import { type Handler, isFilter, isMap, type Plane, type PlaneFilter, type PlaneMap, type Region } from './region.ts';
import { isWinogradGradient, winogradStandardGradient, winogradStoredGradient } from './winograd.ts';

/** With fewer positions, a product for each sample is too small to be fast. */
const FEW_POSITIONS = 64;

/** Smallest side of ∂y, and products per element of x, from which a copy of x with its padding pays off. */
const SMALL_SIDE = 12;
const PRODUCTS_PER_COPY = 4;

/** The values of a convolution of maps, and its sizes. */
interface MapConvolution {
  readonly x: Value<PlaneMap>;
  readonly w: Value<PlaneFilter>;
  readonly dy: Value<PlaneMap>;
  readonly sizes: Geometry<Plane>;
}

function convolutionOf({ b }: Region, node: Node, names: readonly string[]): MapConvolution | undefined {
  const [x, w, dy] = names.map((name) => b.value(name));
  if (!isMap(x) || !isFilter(w) || !isMap(dy) || x.type !== 'float32') return undefined;
  return { x, w, dy, sizes: geometry(x.shape, w.shape, dy.shape, convolutionAttributes(plainAttributes(node))) };
}

const inputGradient: Handler = (region, node) => {
  const [dyName, wName, xName] = node.inputs;
  const convolution = convolutionOf(region, node, [xName, wName, dyName]);
  if (!convolution) return undefined;
  const { w, dy, sizes } = convolution;
  const { size, fill } = region;
  if (sizes.positions === 1) return undefined;
  const fit = fitOf(size, sizes);
  if (!fit || fit === 'plain-input' || (sizes.dilations.some((d) => d !== 1) && !isUnstrided(sizes))) return undefined;
  const layout = blockedLayout(region, sizes);
  const byPhases = fit === 'dense' && !isUnstrided(sizes) && hasPhases(sizes);
  const filter = region.isStored(w.name) ? region.stored(w.name) : region.standard(w);
  const write = byPhases ? phases : fit === 'dense' && isPointwise(sizes) ? spacedOut(region) : flipped;
  const value = write(layout, region.blocked(dy.name).value, filter, sizes);
  if (value.shape[1] !== fill(sizes.channels))
    throw new Error(`ConvInputGradient: ${value.shape[1]} channels in blocks`);
  return [{ blocked: { value, channels: sizes.channels } }];
};

/** ∂x of windows of one element: inserts zeros into the convolution's result, which has fewer elements than a spread ∂y. */
const spacedOut =
  (region: Region) =>
  (layout: BlockedLayout, dy: Value<PlaneMap>, w: Parameters<BlockedLayout['turned']>[0], sizes: Geometry) => {
    const { strides, spatial, out } = sizes;
    const seen = layout.conv(dy, layout.turned(w), [0, 0], [0, 0]);
    const ends = spatial.map((length, i) => length - out[i] * strides[i]);
    return isUnstrided(sizes) ? seen : crop(region, layout.spread(seen, strides), [0, 0], ends);
  };

/**
 * Depthwise: ∂w = x ∗ ∂y, a convolution in which each channel's ∂y is its filter. In blocks, its bytes are already in the
 * filter's order. The stride becomes the dilation of the filter.
 */
function depthwiseWeightGradient(region: Region, { x, dy, sizes }: MapConvolution): Value {
  const { b, size, fill } = region;
  const { kernel, strides, dilations, begins, spatial, out, channels, taps } = sizes;
  const full = fill(channels);
  // Windows of K taps, `dilation` apart, over x. Negative pads skip the elements beyond the last tap.
  const ends = kernel.map((k, i) => (k - 1) * dilations[i] + (out[i] - 1) * strides[i] + 1 - spatial[i] - begins[i]);
  const pads = [...begins, ...ends.map((p) => Math.max(p, 0))];
  const padsFirst = pads[1] + pads[3] > 0 && outweighsCopy(sizes);
  const start = b.expand(b.scalar(0), [1, full, ...kernel]);
  const sum = sumOverBatch(
    b,
    [region.blocked(x.name).value, region.blocked(dy.name).value],
    start,
    (before, [image, gradient]) => {
      const seen = crop(region, b.reshape(image, [1, full, ...spatial]), [0, 0], ends);
      const products = convolve(region, {
        x: padsFirst ? withColumns(region, seen, pads) : seen,
        filter: b.reshape(gradient, [full, 1, ...out]),
        group: full,
        strides: dilations,
        dilations: strides,
        pads: padsFirst ? [pads[0], 0, pads[2], 0] : pads,
        out: kernel,
      });
      return b.add(before, products);
    },
  );
  const ordered = b.transpose(b.reshape(sum, [full / size, taps, size]), [0, 2, 1]);
  return b.slice(b.reshape(ordered, [full, 1, ...kernel]), 0, 0, channels);
}

/**
 * MLAS computes columns next to padding one by one. In a window of a few columns, these are nearly all, so copying a map with its padding
 * first halves the time. The copy costs more if the map is small, or if strides leave few products per element.
 */
const outweighsCopy = ({ taps, out, spatial }: Geometry<Plane>): boolean =>
  Math.min(...out) >= SMALL_SIDE && taps * product(out) >= PRODUCTS_PER_COPY * product(spatial);

/** A map with zeros in the columns of its pads. `Pad` would use one core. */
function withColumns(region: Region, x: Value<PlaneMap>, [, left, , right]: readonly number[]): Value<PlaneMap> {
  const [, , height, width] = x.shape;
  return copied(region, x, [along(height, 0, height), along(width, -left, left + width + right)]);
}

/** 1x1 on small maps: ∂w = ∂yᵀ·x as one product over samples and positions, both moved to `[N·positions, channels]`. */
function pointwiseWeightGradient(region: Region, { x, dy, w }: MapConvolution): Value {
  const { b } = region;
  const rows = ({ name }: Value): Value => {
    const moved = region.channelsLast(region.blocked(name));
    return b.reshape(moved, [product(moved.shape.slice(0, -1)), ...moved.shape.slice(-1)]);
  };
  return b.reshape(b.gemm(rows(dy), rows(x), undefined, { transA: true }), w.shape);
}

const weightGradient: Handler = (region, node) => {
  const [xName, dyName, wName] = node.inputs;
  const convolution = convolutionOf(region, node, [xName, wName, dyName]);
  if (!convolution) return undefined;
  const { x, dy, w, sizes } = convolution;
  const fit = fitOf(region.size, sizes);
  if (fit === 'depthwise') return [{ standard: depthwiseWeightGradient(region, convolution) }];
  if (!fit || !region.isBlocked(dy.name)) return undefined;
  if (fit === 'plain-input') {
    if (!suitsDirect(sizes)) return undefined;
    return [{ standard: directPlainGradient(region, sizes, region.standard(x), region.blocked(dy.name).value) }];
  }
  if (!region.isBlocked(x.name)) return undefined;
  if (isPointwise(sizes) && isUnstrided(sizes)) {
    const small = sizes.positions <= FEW_POSITIONS && sizes.group === 1;
    return small ? [{ standard: pointwiseWeightGradient(region, convolution) }] : undefined;
  }
  if (!suitsDirect(sizes)) return undefined;
  const [map, gradient] = [x, dy].map(({ name }) => region.blocked(name).value);
  const [stored, standard] = isWinogradGradient(sizes, region.size)
    ? [winogradStoredGradient, winogradStandardGradient]
    : [directStoredGradient, directWeightGradient];
  if (region.isStored(w.name)) return [{ stored: stored(region, sizes, map, gradient) }];
  return [{ standard: standard(region, sizes, map, gradient) }];
};

const channelSum: Handler = (region, node) => {
  const { b } = region;
  const [dy] = node.inputs;
  if (!region.isBlocked(dy) && !(region.transposeOf(dy) && isMap(b.value(dy)))) return undefined;
  const { value, channels } = region.blocked(dy);
  const [n, filled] = value.shape;
  // Over positions, then over samples: both at once is many times slower.
  const sums = b.reshape(b.reduceSum(region.view({ value, channels }), [2]), [n, filled]);
  const all = b.reduceSum(sums, [0]);
  return [{ standard: filled === channels ? all : b.slice(all, 0, 0, channels) }];
};

const late: Handler = (region, node) => {
  const [x, trigger] = node.inputs;
  if (!region.isBlocked(x)) return undefined;
  const { value, channels } = region.blocked(x);
  const by = region.isBlocked(trigger) ? region.blocked(trigger).value : region.standard(region.b.value(trigger));
  return [{ blocked: { value: bindLate(region.b, value, by), channels } }];
};

/** Zero in the channels that fill the last block, like ∂y. */
const geluGradient: Handler = (region, node) => {
  if (!node.inputs.some(region.isBlocked) || !isMap(region.b.value(node.outputs[0]))) return undefined;
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
