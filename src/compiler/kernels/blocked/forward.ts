import {
  axis,
  explicitPads,
  type Node,
  numbersOf,
  plainAttributes,
  pooledShape,
  sameShape,
  type Value,
} from '../../../onnx/index.ts';
import { geometry, isDepthwise } from '../convolution/geometry.ts';
import { isSmall, sumsOfProducts } from './by-sample-and-channel.ts';
import { channelFilter, forwardFilter, plainFilter } from './filters.ts';
import { convolveMap } from './narrow.ts';
import { batchNormalization } from './normalization.ts';
import {
  type Activation,
  type Blocked,
  filledUp,
  type Handler,
  isFilter,
  isMap,
  isSingle,
  NCHWC,
  type PlaneFilter,
  type PlaneMap,
  type Region,
} from './region.ts';

/** How a convolution's channels fit into blocks; undefined if they do not fit or would leave too much of a block empty. */
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
  const [x, w, bias] = node.inputs.map((name) => (name ? b.value(name) : undefined));
  const y = b.value(node.outputs[0]);
  if (!x || !w || !isMap(x) || !isFilter(w) || !isMap(y) || x.type !== 'float32') return undefined;
  const { group = 1, strides = [1, 1], dilations = [1, 1], ...attributes } = plainAttributes(node);
  const [, , ...kernel] = w.shape;
  const [, , ...spatial] = x.shape;
  const pads = explicitPads(spatial, kernel, { strides, dilations, ...attributes });
  const sizes = geometry(x.shape, w.shape, y.shape, { group, strides, dilations, pads });
  const fit = fitOf(size, sizes);
  // On a single position, the convolution is a matrix product.
  if (!fit || sizes.positions === 1) return undefined;
  const filter = (): Value<PlaneFilter> => {
    const { filters } = sizes;
    if (region.isStored(w.name)) return b.reshape(region.stored(w.name), w.shape);
    const weight = region.standard(w);
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
        x: fit === 'plain-input' ? region.standard(x) : region.blocked(x.name).value,
        filter: filter(),
        bias: bias && filledUp(region, region.standard(bias), sizes.filters),
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

/** One number per channel, `[N, C, 1, 1]`, has the same order in blocks; only the fill of the last block is removed. */
const withoutFilling = ({ b }: Region, value: Value, channels: number): Value =>
  value.shape[1] === channels ? value : b.slice(value, 1, 0, channels);

const averageOfMap: Handler = (region, node) => {
  const { b } = region;
  const [x] = node.inputs;
  if (!region.isBlocked(x) || !isMap(b.value(x))) return undefined;
  const { value, channels } = region.blocked(x);
  const [n, filled] = value.shape;
  const output = { type: value.type, shape: [n, filled, 1, 1] };
  const [mean] = b.emit('GlobalAveragePool', [value], [output], {}, { domain: NCHWC });
  return [{ standard: b.reshape(withoutFilling(region, mean, channels), b.value(node.outputs[0]).shape) }];
};

/** The axes of a `Reduce…`. */
function axesOf({ b }: Region, { inputs, attributes }: Node): number[] | undefined {
  const given = inputs[1] ? b.tensorOf(b.value(inputs[1])) : undefined;
  if (!given || attributes.noop_with_empty_axes?.value === 1) return undefined;
  return numbersOf(given)
    .map((a) => axis(a, 4))
    .sort();
}

/** The sum of all elements of a filter, or of the elements of each output. */
const sumOfFilter: Handler = (region, node) => {
  const { b } = region;
  const axes = axesOf(region, node)?.join();
  if (node.op !== 'ReduceSum' || (axes !== '0,1,2,3' && axes !== '1,2,3')) return undefined;
  const sum = b.reduceSum(region.stored(node.inputs[0]), axes === '1,2,3' ? [1, 2, 3] : undefined);
  return [{ standard: b.reshape(sum, b.value(node.outputs[0]).shape) }];
};

const sumOfMap: Handler = (region, node) => {
  const { b } = region;
  const [x] = node.inputs;
  if (region.isStored(x)) return sumOfFilter(region, node);
  if (!region.isBlocked(x) || !isMap(b.value(x)) || b.value(x).type !== 'float32') return undefined;
  const axes = axesOf(region, node)?.join();
  if (axes === '2,3' && node.op === 'ReduceMean') return averageOfMap(region, node);
  if (node.op !== 'ReduceSum' || (axes !== '2,3' && axes !== '0,2,3')) return undefined;
  const blocked = region.blocked(x);
  const [n, filled] = blocked.value.shape;
  const factors = axes === '2,3' ? factorsOf(region, x) : undefined;
  const sums = factors
    ? sumsOfProducts(region, ...factors)
    : b.reduceSum(region.view(blocked), [2], { keepdims: true });
  const perSample = b.reshape(sums, [n, filled, 1, 1]);
  const all = axes === '2,3' ? perSample : b.reduceSum(perSample, [0], { keepdims: true });
  return [{ standard: b.reshape(withoutFilling(region, all, blocked.channels), b.value(node.outputs[0]).shape) }];
};

/** The maps whose product a sum adds up, if nothing else reads the product. */
function factorsOf(region: Region, name: string): [Value<PlaneMap>, Value<PlaneMap>] | undefined {
  const { b } = region;
  const node = region.producerOnceRead(name);
  const product = b.value(name);
  const areMaps = node?.inputs.every((x) => region.isBlocked(x) && sameShape(b.value(x).shape, product.shape));
  if (node?.op !== 'Mul' || !areMaps || !isMap(product) || isSmall(product.shape)) return undefined;
  const [x, y] = node.inputs.map((input) => region.blocked(input).value);
  return [x, y];
}

const pool: Handler = (region, node) => {
  const { b } = region;
  const [x] = node.inputs;
  if (!region.isBlocked(x) || node.outputs.length > 1) return undefined;
  const { value, channels } = region.blocked(x);
  const { kernel_shape, auto_pad, ...attributes } = plainAttributes(node);
  const [n, filled, ...spatial] = value.shape;
  const pads = explicitPads(spatial, kernel_shape, { ...attributes, auto_pad });
  const [height, width] = pooledShape(spatial, kernel_shape, { ...attributes, pads });
  const shape = [n, filled, height, width] as const;
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

/** Joins whole blocks: in both orders, the channels of a map follow one another. */
const concat: Handler = (region, node) => {
  const { b, size } = region;
  const output = b.value(node.outputs[0]);
  if (axis(plainAttributes(node).axis, output.shape.length) !== 1 || !isMap(output)) return undefined;
  const maps = node.inputs.map((name) => b.value(name));
  if (!maps.every(isMap)) return undefined;
  const blocked = maps.filter(({ name }) => region.isBlocked(name));
  const channelsOf = (values: typeof maps) => values.reduce((all, { shape: [, channels] }) => all + channels, 0);
  if (maps.some(({ shape }) => shape[1] % size) || 2 * channelsOf(blocked) < channelsOf(maps)) return undefined;
  const value = b.concat(
    node.inputs.map((name) => region.blocked(name).value),
    1,
  );
  return [{ blocked: { value, channels: output.shape[1] } }];
};

const slice: Handler = (region, node) => {
  const { b, size } = region;
  const [x] = node.inputs;
  if (!region.isBlocked(x) || !isMap(b.value(x))) return undefined;
  const given = node.inputs.slice(1);
  const parts = given.flatMap((name) => b.tensorOf(b.value(name)) ?? []);
  if (given.length < 3 || parts.length < given.length || parts.some(({ data }) => data.length !== 1)) return undefined;
  const [start, end, over, step = 1] = parts.map((part) => numbersOf(part)[0]);
  const blocked = region.blocked(x);
  const whole = blocked.channels % size === 0 && start % size === 0 && (end % size === 0 || end >= blocked.channels);
  if (axis(over, 4) !== 1 || step !== 1 || start < 0 || end < 0 || !whole) return undefined;
  const value = b.slice(blocked.value, 1, start, end);
  return [{ blocked: { value, channels: value.shape[1] } }];
};

/** An `Expand` that repeats elements over a map is not emitted: its readers read the elements. */
const expand: Handler = (region, node) => {
  const { b } = region;
  const [x, y] = [b.value(node.inputs[0]), b.value(node.outputs[0])];
  const byChannel = x.shape.length === 4 && x.shape[1] === y.shape[1] && x.shape[2] === 1 && x.shape[3] === 1;
  if ((byChannel || isSingle(x.shape)) && isMap(y)) region.repeats(y.name, region.standard(x));
  return undefined;
};

const TO_LAST = '0,2,3,1';
const FROM_LAST = '0,3,1,2';

/** To and from `[N, H, W, C]`, where normalizations and dense layers of some networks work: between blocks and there in one step. */
const transpose: Handler = (region, node) => {
  const [x] = node.inputs;
  const [y] = node.outputs;
  const perm = plainAttributes(node).perm?.join();
  const [from, to] = [region.b.value(x), region.b.value(y)];
  if (from.type !== 'float32') return undefined;
  if (perm === TO_LAST && region.isBlocked(x) && isMap(from))
    return [{ standard: region.channelsLast(region.blocked(x)) }];
  if (perm === FROM_LAST && isMap(to)) region.transposes(y, x);
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
  Transpose: transpose,
};
