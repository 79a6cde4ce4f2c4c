import {
  axis,
  explicitPads,
  type Node,
  numbersOf,
  plainAttributes,
  pooledShape,
  type Value,
} from '../../../onnx/index.ts';
import { geometry, isDepthwise } from '../convolution/geometry.ts';
import { channelFilter, forwardFilter, plainFilter } from './filters.ts';
import { sizesOf } from './layout.ts';
import { convolveMap } from './narrow.ts';
import { batchNormalization } from './normalization.ts';
import {
  type Activation,
  type Blocked,
  filledUp,
  type Handler,
  isMap,
  isSingle,
  NCHWC,
  type Region,
} from './region.ts';

/** How a convolution's channels fit into blocks; undefined where they do not, or too much of a block would be left empty. */
export type Fit = 'dense' | 'depthwise' | 'plain-input';

export function fitOf(
  size: number,
  { group, channels, filters }: { readonly group: number; readonly channels: number; readonly filters: number },
): Fit | undefined {
  if (group > 1 && group === channels) return filters === channels && channels >= size ? 'depthwise' : undefined;
  if (filters < size) return undefined;
  if (group > 1) return (channels / group) % size || (filters / group) % size ? undefined : 'dense';
  return channels >= size ? 'dense' : 'plain-input';
}

const conv: Handler = (region, node) => {
  const { b, size } = region;
  const [x, w] = node.inputs.map((name) => b.value(name));
  const y = b.value(node.outputs[0]);
  if (!isMap(x.shape) || !isMap(y.shape) || x.type !== 'float32') return undefined;
  const { group = 1, strides = [1, 1], dilations = [1, 1], ...attributes } = plainAttributes(node);
  const kernel = w.shape.slice(2) as number[];
  const pads = explicitPads(x.shape.slice(2) as number[], kernel, { strides, dilations, ...attributes });
  const sizes = geometry(x.shape, w.shape, y.shape, { group, strides, dilations, pads });
  const fit = fitOf(size, sizes);
  // On a single position it is a product of matrices.
  if (!fit || sizes.positions === 1) return undefined;
  const filter = () => {
    const { filters } = sizes;
    if (region.isFilter(node.inputs[1])) return b.reshape(region.filter(node.inputs[1]), w.shape);
    const weight = region.standard(node.inputs[1]);
    if (fit === 'depthwise')
      return b.reshape(channelFilter(b, weight, size, false), [region.fill(filters), 1, ...kernel]);
    if (fit === 'plain-input') return plainFilter(b, weight, size);
    const inputs = group > 1 ? sizes.channels / group : region.fill(sizes.channels);
    return b.reshape(forwardFilter(b, weight, size), [region.fill(filters), inputs, ...kernel]);
  };
  let emitted: Blocked | undefined;
  const emit = (activation?: Activation): Blocked => {
    emitted ??= {
      value: convolveMap(region, {
        x: fit === 'plain-input' ? region.standard(node.inputs[0]) : region.blocked(node.inputs[0]).value,
        filter: filter(),
        bias: node.inputs[2] ? filledUp(region, region.standard(node.inputs[2])) : undefined,
        group: isDepthwise(sizes) ? region.fill(group) : group,
        strides,
        dilations,
        pads,
        out: sizes.out,
        activation,
      }),
      channels: sizes.filters,
    };
    return emitted;
  };
  return [{ blocked: { emit } }];
};

/** What goes by channel, `[N, C, 1, 1]`, is in blocks what it is in the standard order, but for what fills up. */
const withoutFilling = ({ b }: Region, value: Value, channels: number): Value =>
  value.shape[1] === channels ? value : b.slice(value, 1, 0, channels);

const averageOfMap: Handler = (region, node) => {
  const { b } = region;
  const [x] = node.inputs;
  if (!region.isBlocked(x) || !isMap(b.value(x).shape)) return undefined;
  const { value, channels } = region.blocked(x);
  const [n, filled] = value.shape;
  const output = { type: value.type, shape: [n, filled, 1, 1] };
  const [mean] = b.emit('GlobalAveragePool', [value], [output], {}, { domain: NCHWC });
  return [{ standard: b.reshape(withoutFilling(region, mean, channels), b.value(node.outputs[0]).shape) }];
};

/** Axes over which a `Reduce…` goes. */
function axesOf({ b }: Region, { inputs, attributes }: Node): number[] | undefined {
  const given = inputs[1] ? b.tensorOf(b.value(inputs[1])) : undefined;
  if (!given || attributes.noop_with_empty_axes?.value === 1) return undefined;
  return numbersOf(given)
    .map((a) => axis(a, 4))
    .sort();
}

/** Of all of a filter's elements, or of each output's. */
const sumOfFilter: Handler = (region, node) => {
  const { b } = region;
  const axes = axesOf(region, node)?.join();
  if (node.op !== 'ReduceSum' || (axes !== '0,1,2,3' && axes !== '1,2,3')) return undefined;
  const sum = b.reduceSum(region.filter(node.inputs[0]), axes === '1,2,3' ? [1, 2, 3] : undefined);
  return [{ standard: b.reshape(sum, b.value(node.outputs[0]).shape) }];
};

const sumOfMap: Handler = (region, node) => {
  const { b } = region;
  const [x] = node.inputs;
  if (region.isFilter(x)) return sumOfFilter(region, node);
  if (!region.isBlocked(x) || !isMap(b.value(x).shape) || b.value(x).type !== 'float32') return undefined;
  const axes = axesOf(region, node)?.join();
  if (axes === '2,3' && node.op === 'ReduceMean') return averageOfMap(region, node);
  if (node.op !== 'ReduceSum' || (axes !== '2,3' && axes !== '0,2,3')) return undefined;
  const blocked = region.blocked(x);
  const sums = b.reduceSum(region.view(blocked), [2], { keepdims: true });
  const [n, filled] = blocked.value.shape;
  const perSample = b.reshape(sums, [n, filled as number, 1, 1]);
  const all = axes === '2,3' ? perSample : b.reduceSum(perSample, [0], { keepdims: true });
  return [{ standard: b.reshape(withoutFilling(region, all, blocked.channels), b.value(node.outputs[0]).shape) }];
};

const pool: Handler = (region, node) => {
  const { b } = region;
  const [x] = node.inputs;
  if (!region.isBlocked(x) || node.outputs.length > 1) return undefined;
  const { value, channels } = region.blocked(x);
  const { kernel_shape, auto_pad, ...attributes } = plainAttributes(node);
  const spatial = sizesOf(value).slice(2) as number[];
  const pads = explicitPads(spatial, kernel_shape, { ...attributes, auto_pad });
  const shape = [...value.shape.slice(0, 2), ...pooledShape(spatial, kernel_shape, { ...attributes, pads })];
  const written = { ...node.attributes, auto_pad: undefined, pads };
  return [
    {
      blocked: {
        value: b.emit(node.op, [value], [{ type: value.type, shape }], written, { domain: NCHWC })[0],
        channels,
      },
    },
  ];
};

/** Of whole blocks: the channels of a map lie one after the other in both orders. */
const concat: Handler = (region, node) => {
  const { b, size } = region;
  const { shape } = b.value(node.outputs[0]);
  if (axis(plainAttributes(node).axis, shape.length) !== 1 || !isMap(shape)) return undefined;
  const channels = node.inputs.map((name) => b.value(name).shape[1] as number);
  const blocked = channels.filter((_, i) => region.isBlocked(node.inputs[i]));
  const sum = (counts: readonly number[]) => counts.reduce((all, c) => all + c, 0);
  if (channels.some((c) => c % size) || 2 * sum(blocked) < sum(channels)) return undefined;
  const value = b.concat(
    node.inputs.map((name) => region.blocked(name).value),
    1,
  );
  return [{ blocked: { value, channels: shape[1] as number } }];
};

const slice: Handler = (region, node) => {
  const { b, size } = region;
  const [x] = node.inputs;
  if (!region.isBlocked(x) || !isMap(b.value(x).shape)) return undefined;
  const parts = node.inputs.slice(1).map((name) => b.tensorOf(b.value(name)));
  if (parts.length < 3 || parts.some((part) => part?.data.length !== 1)) return undefined;
  const [start, end, over, step = 1] = parts.map((part) => numbersOf(part!)[0]);
  const blocked = region.blocked(x);
  const whole = blocked.channels % size === 0 && start % size === 0 && (end % size === 0 || end >= blocked.channels);
  if (axis(over, 4) !== 1 || step !== 1 || start < 0 || end < 0 || !whole) return undefined;
  const value = b.slice(blocked.value, 1, start, end);
  return [{ blocked: { value, channels: value.shape[1] as number } }];
};

/** What only repeats elements over a map waits for who reads it. */
const expand: Handler = (region, node) => {
  const { b } = region;
  const [x, y] = [b.value(node.inputs[0]), b.value(node.outputs[0])];
  const byChannel = x.shape.length === 4 && x.shape[1] === y.shape[1] && x.shape[2] === 1 && x.shape[3] === 1;
  if ((byChannel || isSingle(x.shape)) && isMap(y.shape)) region.repeats(y.name, region.standard(x.name));
  return undefined;
};

export const FORWARD: Readonly<Record<string, Handler>> = {
  Conv: conv,
  BatchNormalization: batchNormalization,
  GlobalAveragePool: averageOfMap,
  ReduceMean: sumOfMap,
  ReduceSum: sumOfMap,
  MaxPool: pool,
  AveragePool: pool,
  Concat: concat,
  Slice: slice,
  Expand: expand,
};
