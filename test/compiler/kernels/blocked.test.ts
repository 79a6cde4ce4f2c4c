import { beforeAll, describe, expect, test } from 'vitest';
import {
  channelSum,
  convInputGradient,
  convWeightGradient,
  maxPoolGradient,
} from '../../../src/compiler/autodiff/adjoint.ts';
import { assignBlocks, lower, prune } from '../../../src/compiler/kernels/index.ts';
import {
  convolvedShape,
  float,
  GraphBuilder,
  pooledShape,
  type SpatialAttributes,
  type Tensor,
  type Value,
  writeModel,
} from '../../../src/onnx/index.ts';
import { machineOf } from '../../../src/runtime/index.ts';
import { nodeRuntime } from '../../../src/runtime/node/sessions.ts';
import { tensor, weights } from '../../small-models.ts';

const NCHWC = 'com.microsoft.nchwc';
const runtime = nodeRuntime('cpu', { intraOpNumThreads: 1 });
let size: number;

beforeAll(async () => {
  size = (await machineOf(runtime)).block ?? 0;
  // A machine without such kernels has nothing to test. x64 processors since 2013 and most ARM processors have them.
  expect(size, 'ONNX Runtime has no blocked layout on this machine').toBeGreaterThan(0);
});

type Emit = (b: GraphBuilder, values: Record<string, Value>) => readonly Value[];

/** Results of a graph in the standard layout or in blocks, and the number of its nodes in blocks. */
async function results(inputs: Record<string, Tensor>, emit: Emit, blocks: boolean) {
  const b = new GraphBuilder();
  const values = Object.entries(inputs).map(([name, { type, shape }]) => {
    // The first axis of a map is the batch, whose size is unknown at compile time.
    return [name, b.input(name, type, name.startsWith('w') ? shape : ['N', ...shape.slice(1)])] as const;
  });
  const outputs = emit(b, Object.fromEntries(values)).map((value, i) => b.identity(value, `result${i}`));
  const names = outputs.map(({ name }) => name);
  if (blocks) assignBlocks(b, names, size);
  lower(b, names);
  prune(b, names);
  const read = new Set(b.nodes.flatMap((node) => node.inputs));
  const graph = b.graph(
    'test',
    values.map(([, value]) => value).filter(({ name }) => read.has(name)),
    outputs,
  );
  const opsets = { '': 18, 'com.microsoft': 1, [NCHWC]: 1 };
  const encoded = writeModel({ irVersion: 9, opsets, producerName: 'test', producerVersion: '', graph, metadata: {} });
  const session = await runtime.load(encoded);
  const found = await session.run(Object.fromEntries(Object.entries(inputs).filter(([name]) => read.has(name))));
  await session.release();
  const inBlocks = b.nodes.filter(({ domain }) => domain === NCHWC).map(({ op }) => op);
  return { tensors: names.map((name) => found[name]), inBlocks };
}

/** Compares both layouts, and returns the operators that ran in blocks. */
async function agree(inputs: Record<string, Tensor>, emit: Emit, tolerance = 2e-6): Promise<readonly string[]> {
  const standard = await results(inputs, emit, false);
  const blocked = await results(inputs, emit, true);
  standard.tensors.forEach((expected, i) => {
    const actual = blocked.tensors[i];
    expect(actual.shape).toEqual(expected.shape);
    const [a, e] = [actual.data, expected.data].map((data) => Array.from(data as Float32Array, Number));
    const largest = (values: readonly number[]) => values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    const scale = Math.max(1e-3, largest(e));
    expect(largest(e.map((value, k) => value - a[k])) / scale).toBeLessThan(tolerance);
  });
  return blocked.inBlocks;
}

interface Convolution {
  readonly x: readonly [channels: number, height: number, width: number];
  readonly filters: number;
  readonly kernel: readonly [number, number];
  readonly group?: number;
  readonly strides?: readonly [number, number];
  readonly dilations?: readonly [number, number];
  readonly pads?: readonly [number, number, number, number];
}

describe('convolutions and their gradients in blocks match those of the standard layout', () => {
  const rows: readonly [string, Convolution][] = [
    ['dense', { x: [32, 7, 6], filters: 16, kernel: [3, 3], pads: [1, 1, 1, 1] }],
    ['channels that do not fill blocks', { x: [24, 7, 6], filters: 40, kernel: [3, 3], pads: [1, 1, 1, 1] }],
    [
      'few channels, as of an image',
      { x: [3, 13, 12], filters: 32, kernel: [3, 3], strides: [2, 2], pads: [1, 1, 1, 1] },
    ],
    ['of some positions', { x: [32, 9, 12], filters: 48, kernel: [3, 3], pads: [1, 1, 1, 1] }],
    ['of many positions', { x: [32, 24, 23], filters: 32, kernel: [3, 3], pads: [1, 1, 1, 1] }],
    [
      'of many positions, dilated',
      { x: [32, 25, 27], filters: 48, kernel: [3, 5], dilations: [2, 1], pads: [1, 2, 3, 0] },
    ],
    [
      'of many positions, fewer filters',
      { x: [48, 25, 27], filters: 32, kernel: [3, 5], dilations: [2, 1], pads: [1, 2, 3, 0] },
    ],
    ['in bands of rows', { x: [16, 70, 62], filters: 64, kernel: [3, 3], pads: [1, 1, 1, 1] }],
    [
      'in bands of rows, few channels',
      { x: [3, 141, 124], filters: 64, kernel: [7, 7], strides: [2, 2], pads: [3, 3, 3, 3] },
    ],
    ['narrow', { x: [384, 7, 6], filters: 336, kernel: [3, 3], pads: [1, 1, 1, 1] }],
    ['narrow, strided', { x: [288, 8, 9], filters: 416, kernel: [3, 3], strides: [2, 2], pads: [1, 1, 1, 1] }],
    ['narrow, padded unevenly', { x: [160, 6, 5], filters: 160, kernel: [3, 7], pads: [0, 4, 2, 1] }],
    ['narrow, not padded', { x: [160, 7, 9], filters: 160, kernel: [5, 5], strides: [1, 2] }],
    ['narrow, from few channels', { x: [3, 96, 96], filters: 768, kernel: [32, 32], strides: [32, 32] }],
    ['1x1', { x: [48, 5, 6], filters: 32, kernel: [1, 1] }],
    ['1x1 of many positions', { x: [16, 12, 12], filters: 32, kernel: [1, 1] }],
    ['1x1, strided', { x: [32, 7, 6], filters: 48, kernel: [1, 1], strides: [2, 2] }],
    ['strided, even', { x: [16, 8, 8], filters: 32, kernel: [3, 3], strides: [2, 2], pads: [1, 1, 1, 1] }],
    ['strided, odd', { x: [16, 9, 7], filters: 32, kernel: [3, 3], strides: [2, 2], pads: [1, 1, 1, 1] }],
    ['strided, padded at the end', { x: [16, 8, 9], filters: 32, kernel: [3, 3], strides: [2, 2], pads: [0, 0, 1, 1] }],
    ['strides beyond the kernel', { x: [16, 10, 11], filters: 16, kernel: [2, 2], strides: [3, 3] }],
    ['strides of one axis', { x: [16, 8, 9], filters: 16, kernel: [3, 5], strides: [1, 2], pads: [1, 2, 1, 2] }],
    ['dilated', { x: [16, 9, 8], filters: 16, kernel: [3, 3], dilations: [2, 1], pads: [2, 1, 2, 1] }],
    ['padded more than its kernel', { x: [16, 5, 5], filters: 16, kernel: [2, 2], pads: [2, 3, 3, 2] }],
    ['by group', { x: [64, 6, 6], filters: 96, kernel: [3, 3], group: 2, pads: [1, 1, 1, 1] }],
    [
      'by group, strided',
      { x: [64, 7, 6], filters: 64, kernel: [3, 3], group: 2, strides: [2, 2], pads: [1, 1, 1, 1] },
    ],
    ['by group of one block', { x: [64, 9, 7], filters: 64, kernel: [3, 3], group: 4, pads: [1, 1, 1, 1] }],
    [
      'by group of one block, strided, with more filters',
      { x: [48, 10, 11], filters: 96, kernel: [3, 5], group: 3, strides: [2, 2], pads: [0, 2, 0, 1] },
    ],
    ['by many groups', { x: [304, 4, 5], filters: 304, kernel: [3, 3], group: 19, pads: [1, 1, 1, 1] }],
    ['by whole blocks of groups', { x: [256, 4, 5], filters: 256, kernel: [3, 3], group: 16, pads: [1, 1, 1, 1] }],
    ['by channel', { x: [32, 7, 6], filters: 32, kernel: [3, 3], group: 32, pads: [1, 1, 1, 1] }],
    ['by channel, not filling blocks', { x: [40, 7, 6], filters: 40, kernel: [3, 3], group: 40, pads: [1, 1, 1, 1] }],
    [
      'by channel, strided',
      { x: [32, 9, 8], filters: 32, kernel: [3, 3], group: 32, strides: [2, 2], pads: [0, 0, 1, 1] },
    ],
    ['by channel, elements left over', { x: [32, 10, 9], filters: 32, kernel: [3, 3], group: 32, strides: [3, 2] }],
    [
      'by channel, 5x5 strided',
      { x: [32, 11, 11], filters: 32, kernel: [5, 5], group: 32, strides: [2, 2], pads: [2, 2, 2, 2] },
    ],
    [
      'by channel, dilated',
      { x: [32, 9, 9], filters: 32, kernel: [3, 3], group: 32, dilations: [2, 2], pads: [2, 2, 2, 2] },
    ],
    ['by channel, wide', { x: [32, 14, 13], filters: 32, kernel: [7, 7], group: 32, pads: [3, 3, 3, 3] }],
    [
      'by channel, wide, padded unevenly',
      { x: [40, 16, 15], filters: 40, kernel: [3, 5], group: 40, pads: [0, 3, 2, 1] },
    ],
    [
      'by channel, wide, 5x5 strided, elements left over',
      { x: [32, 26, 25], filters: 32, kernel: [5, 5], group: 32, strides: [2, 2], pads: [2, 2, 1, 0] },
    ],
    [
      'by channel, wide, dilated',
      { x: [16, 15, 16], filters: 16, kernel: [3, 3], group: 16, dilations: [2, 2], pads: [2, 2, 2, 2] },
    ],
  ];

  test.each(rows)('%s', async (_, { x, filters, kernel, group = 1, ...attributes }) => {
    const a = { group, strides: [1, 1], dilations: [1, 1], pads: [0, 0, 0, 0], ...attributes };
    const out = convolvedShape(x.slice(1), kernel, a);
    const inputs = {
      x: weights([3, ...x], 1),
      w: weights([filters, x[0] / group, ...kernel], 2),
      wBias: weights([filters], 3),
      g: weights([3, filters, ...out], 4),
    };
    const inBlocks = await agree(inputs, (b, v) => {
      const y = b.unary('Relu', b.conv(v.x, v.w, v.wBias, a));
      const dy = b.mul(v.g, b.positive(y));
      return [y, convInputGradient(b, dy, v.w, v.x, a), convWeightGradient(b, v.x, dy, v.w, a), channelSum(b, dy)];
    });
    expect(inBlocks).toContain('Conv');
  });
});

describe("Winograd's form of a convolution and its gradients", () => {
  const rows: readonly [string, Convolution][] = [
    ['whole tiles', { x: [128, 16, 16], filters: 128, kernel: [3, 3], pads: [1, 1, 1, 1] }],
    ['parts of tiles, and more filters', { x: [128, 15, 14], filters: 144, kernel: [3, 3], pads: [1, 1, 1, 1] }],
    ['padded unevenly', { x: [144, 14, 18], filters: 128, kernel: [3, 3], pads: [0, 2, 1, 0] }],
    ['small maps', { x: [128, 7, 7], filters: 160, kernel: [3, 3], pads: [1, 1, 1, 1] }],
    ['not padded', { x: [128, 11, 12], filters: 128, kernel: [3, 3], pads: [0, 0, 0, 0] }],
  ];
  test.each(rows)('%s', async (_, { x: [channels, height, width], filters, kernel, pads }) => {
    const attributes = { group: 1, strides: [1, 1], dilations: [1, 1], pads: pads! };
    const inputs = {
      x: weights([3, channels, height, width], 1),
      w: weights([filters, channels, ...kernel], 2),
      wBias: weights([filters], 3),
      g: weights([3, filters, ...convolvedShape([height, width], kernel, attributes)], 4),
    };
    const inBlocks = await agree(
      inputs,
      (b, { x, w, wBias, g }) => {
        const y = b.unary('Relu', b.conv(x, w, wBias, attributes));
        const dy = b.mul(g, b.positive(y));
        return [y, convInputGradient(b, dy, w, x, attributes), convWeightGradient(b, x, dy, w, attributes)];
      },
      2e-5,
    );
    // The bias and the activation alone.
    expect(inBlocks.filter((op) => op === 'Conv')).toHaveLength(1);
  });
});

describe('operators between convolutions stay in blocks', () => {
  const inputs = {
    x: weights([2, 24, 9, 8], 1),
    w: weights([48, 24, 1, 1], 2),
    wScale: weights([48, 1, 1], 3),
    wVariance: tensor('float32', [48], (i) => 0.5 + i / 48),
    s: weights([2, 48, 1, 1], 4),
  };
  const normalized = (b: GraphBuilder, y: Value, { wScale, wVariance }: Record<string, Value>) => {
    const [scale, shift, variance] = [wScale, b.mul(wScale, 2), wVariance].map((value) => b.reshape(value, [48]));
    const inputs = [y, scale, shift, b.abs(scale), variance];
    return b.emit('BatchNormalization', inputs, [y], { epsilon: float(1e-3) })[0];
  };
  const rows: readonly [string, (b: GraphBuilder, y: Value, v: Record<string, Value>) => Value | readonly Value[]][] = [
    ['functions', (b, y) => b.mul(b.unary('HardSwish', y), b.sigmoid(b.tanh(b.abs(y))))],
    ['a clip that is taken in', (b, y) => b.emit('Clip', [y, b.scalar(-0.1), b.scalar(0.2)], [y])[0]],
    ['what goes by channel', (b, y, { wScale }) => b.add(b.mul(y, wScale), wScale)],
    ['what goes by sample and channel', (b, y, { s }) => b.sub(b.mul(s, y), 0.25)],
    ['conditions', (b, y) => b.where(b.and(b.greater(y, 0), b.less(y, 0.1)), b.neg(y), 1)],
    ['division, where blocks are full', (b, y) => b.div(y, b.add(b.abs(y), 1))],
    ['repeated elements', (b, y, { s }) => b.mul(b.expand(b.mul(s, 2), y.shape, y), y)],
    ['the mean of a map', (b, y) => b.reduceMean(b.mul(y, y), [2, 3])],
    ['sums over a map', (b, y) => [b.reduceSum(y, [2, 3], { keepdims: true }), b.reduceSum(y, [0, 2, 3])]],
    ['a global pool', (b, y) => b.emit('GlobalAveragePool', [y], [{ type: y.type, shape: ['N', 48, 1, 1] }])[0]],
    [
      'pools',
      (b, y) => {
        const pooled = { type: y.type, shape: ['N', 48, 5, 4] };
        const [most] = b.emit('MaxPool', [y], [pooled], { kernel_shape: [3, 3], strides: [2, 2], pads: [1, 1, 1, 1] });
        return b.add(most, b.averagePool(y, [3, 3], { strides: [2, 2], pads: [1, 1, 1, 1], count_include_pad: 0 }));
      },
    ],
    ['batch normalization', (b, y, v) => b.mul(normalized(b, y, v), y)],
    ['batch normalization and what it takes in', (b, y, v) => b.unary('Relu', normalized(b, b.abs(y), v))],
    ['channels put together and taken apart', (b, y) => b.slice(b.concat([y, b.neg(y)], 1), 1, 32, 64)],
  ];

  test.each(rows)('%s', async (_, compute) => {
    const inBlocks = await agree(inputs, (b, v) => [compute(b, b.conv(v.x, v.w, undefined, {}), v)].flat());
    expect(inBlocks.filter((op) => op === 'ReorderOutput').length).toBeLessThanOrEqual(1);
    expect(inBlocks).toContain('Conv');
  });

  test('a convolution absorbs an activation unless another node reads the convolution', async () => {
    const relu = (b: GraphBuilder, v: Record<string, Value>) => b.unary('Relu', b.conv(v.x, v.w, undefined, {}));
    const count = async (emit: Emit) => {
      const b = new GraphBuilder();
      const x = b.input('x', 'float32', ['N', 24, 9, 8]);
      const w = b.input('w', 'float32', [48, 24, 1, 1]);
      const outputs = emit(b, { x, w }).map(({ name }) => name);
      assignBlocks(b, outputs, size);
      return b.nodes.filter(({ op }) => op === 'Relu').length;
    };
    expect(await count((b, v) => [relu(b, v)])).toBe(0);
    expect(await count((b, v) => [relu(b, v), b.conv(v.x, v.w, undefined, {})])).toBe(1);
  });

  test('maps go to channels last and back in one step each, with the sum and the scale on the way', async () => {
    const compute = (b: GraphBuilder, { x, w, wk, wg }: Record<string, Value>) => {
      const y = b.conv(x, w, undefined, {});
      const last = b.unary('Sin', b.transpose(y, [0, 2, 3, 1]));
      const added = b.add(y, b.mul(wk, b.transpose(last, [0, 3, 1, 2])));
      const attributes = { group: 48, strides: [1, 1], dilations: [1, 1], pads: [0, 0, 0, 0] };
      const back = b.transpose(b.unary('Cos', b.transpose(added, [0, 2, 3, 1])), [0, 3, 1, 2]);
      return [added, channelSum(b, back), convWeightGradient(b, added, back, wg, attributes)];
    };
    const inBlocks = await agree({ ...inputs, wk: weights([48, 1, 1], 3), wg: weights([48, 1, 1, 1], 4) }, compute);
    // From x, and from both values with their channels last.
    expect(inBlocks.filter((op) => op === 'ReorderInput')).toHaveLength(3);
    // To both values with their channels last, and to the result.
    expect(inBlocks.filter((op) => op === 'ReorderOutput')).toHaveLength(3);
  });

  test('a transposed map that nothing reads in blocks is not reordered', async () => {
    const inBlocks = await agree(inputs, (b, v) => {
      const last = b.transpose(b.conv(v.x, v.w, undefined, {}), [0, 2, 3, 1]);
      return [b.unary('Sin', b.transpose(b.unary('Sin', last), [0, 3, 1, 2]))];
    });
    expect(inBlocks).toEqual(['ReorderInput', 'Conv', 'ReorderOutput']);
  });

  test('sums over an axis that was broadcast by channel leave maps and filters in blocks', async () => {
    const sums = await agree(inputs, (b, v) => {
      const y = b.conv(v.x, v.w, undefined, {});
      return [v.s.shape, [48, 1, 1]].map((shape) => b.sumTo(b.mul(y, y), shape));
    });
    expect(sums).toEqual(['ReorderInput', 'Conv']);
    const b = new GraphBuilder();
    const w = b.input(
      'w',
      'float32',
      [32, 16, 3, 3].map((d, i) => (i < 2 ? d * size : d)),
    );
    const { name } = b.sumTo(b.mul(w, w), [w.shape[0], 1, 1, 1]);
    assignBlocks(b, [name], size, new Map([['w', { shape: w.shape, block: size }]]));
    expect(b.nodes.map(({ op }) => op)).not.toContain('Transpose');
  });

  test('one number per sample and channel scales and shifts a large map in one pass', async () => {
    const large = {
      x: weights([3, 24, 20, 19], 1),
      w: weights([56, 24, 1, 1], 2),
      s: weights([3, 56, 1, 1], 3),
      t: weights([3, 56, 1, 1], 4),
    };
    const inBlocks = await agree(large, (b, v) => {
      const y = b.conv(v.x, v.w, undefined, {});
      const scaled = b.mul(v.s, y);
      return [b.add(scaled, b.expand(v.t, y.shape, y)), b.add(y, v.t), b.mul(b.mul(y, v.s), y)].map((map) =>
        b.unary('Relu', map),
      );
    });
    // The convolution in standard order, and in the bodies of three loops.
    expect(inBlocks.filter((op) => op === 'Conv')).toHaveLength(1);
    const sums = await agree(large, (b, v) => {
      const y = b.conv(v.x, v.w, undefined, {});
      const z = b.unary('Abs', y);
      return [b.reduceSum(b.mul(y, z), [2, 3], { keepdims: true })];
    });
    expect(sums).toEqual(['ReorderInput', 'Conv']);
  });

  test('a value that is not a float returns to the standard layout', async () => {
    await agree(inputs, (b, v) => {
      const positive = b.greater(b.conv(v.x, v.w, undefined, {}), 0);
      return [b.cast(b.reshape(positive, ['N', 48 * 72]), 'float32')];
    });
  });
});

describe('the first of several maxima receives the gradient, as in the standard layout', () => {
  const rows: readonly [x: readonly [number, number], kernel: readonly [number, number], SpatialAttributes?][] = [
    [[8, 6], [2, 2], { strides: [2, 2] }],
    [[9, 7], [2, 2], { strides: [2, 2] }],
    [[9, 7], [2, 2], { strides: [2, 2], ceil_mode: 1 }],
    [[8, 8], [3, 3], { strides: [2, 2], pads: [1, 1, 1, 1] }],
    [[9, 8], [3, 3], { strides: [2, 2], ceil_mode: 1 }],
    [[9, 8], [3, 3], { strides: [2, 2], pads: [0, 0, 1, 1], ceil_mode: 1 }],
    [[7, 7], [3, 3], { pads: [1, 1, 1, 1] }],
    [[9, 9], [3, 3], { dilations: [2, 1], strides: [2, 1], pads: [1, 1, 1, 1] }],
    [[7, 8], [5, 5], { pads: [2, 2, 2, 2] }],
    [[8, 8], [2, 2], { strides: [3, 3] }],
    [[11, 10], [3, 3], { strides: [3, 4], pads: [1, 2, 1, 2] }],
    [[9, 10], [3, 2], { strides: [1, 2], pads: [1, 0, 0, 1] }],
  ];

  test.each(rows)('%j %j %j', async (spatial, kernel, attributes = {}) => {
    const out = pooledShape(spatial, kernel, attributes);
    const eye = tensor('float32', [40, 40, 1, 1], (i) => (i % 41 === 0 ? 1 : 0));
    for (const lift of [-3, 0, 3]) {
      const inputs = { x: weights([3, 40, ...spatial], 1), wEye: eye, g: weights([3, 40, ...out], 2) };
      const inBlocks = await agree(inputs, (b, v) => {
        // Few distinct values, so many windows have several maxima. The values are all negative, partly negative, or
        // never negative.
        const x = b.add(b.unary('Floor', b.mul(b.conv(v.x, v.wEye, undefined, {}), 2)), lift);
        const a = { ...attributes, kernel_shape: kernel };
        const [y] = b.emit('MaxPool', [x], [v.g], a);
        return [y, maxPoolGradient(b, v.g, x, y, a)];
      });
      // For y and the gradient. The standard layout does not need x.
      expect(inBlocks.filter((op) => op === 'ReorderOutput')).toHaveLength(2);
    }
  });
});
