import * as ort from 'onnxruntime-node';
import { describe, expect, it } from 'vitest';
import { upgrade } from '../../../src/compiler/import/index.ts';
import {
  type Attribute,
  type AttributeLike,
  type DataType,
  float,
  floats,
  type Graph,
  type Model,
  type Node,
  type Tensor,
  tensor,
  toAttributes,
  type ValueInfo,
  writeModel,
} from '../../../src/onnx/index.ts';
import { Random } from '../../../src/random.ts';
import { count } from '../kernels/reference.ts';

const node = (
  op: string,
  inputs: readonly string[],
  outputs: readonly string[],
  attributes: Readonly<Record<string, AttributeLike>> = {},
): Node => ({ name: '', op, domain: '', inputs, outputs, attributes: toAttributes(attributes) });

const ints = (...values: number[]): Tensor => tensor('int64', [values.length], BigInt64Array.from(values, BigInt));
const reals = (...values: number[]): Tensor => tensor('float32', [values.length], Float32Array.from(values));
const attribute = (kind: 'graph', value: Graph): Attribute => ({ kind, value });

interface Old {
  readonly opset: number;
  readonly nodes: readonly Node[];
  /** Float inputs by name. */
  readonly inputs: Readonly<Record<string, readonly number[]>>;
  readonly outputs: Readonly<Record<string, DataType>>;
  readonly initializers?: Readonly<Record<string, Tensor>>;
  readonly irVersion?: number;
  readonly valueInfo?: readonly ValueInfo[];
}

function modelOf({ opset, nodes, inputs, outputs, initializers = {}, irVersion = 4, valueInfo = [] }: Old): Model {
  return {
    irVersion,
    opsets: { '': opset },
    producerName: 'test',
    producerVersion: '',
    metadata: {},
    graph: {
      name: 'old',
      nodes: [...nodes],
      inputs: Object.entries(inputs).map(([name, shape]) => ({ name, type: 'float32', shape })),
      outputs: Object.entries(outputs).map(([name, type]) => ({ name, type })),
      initializers: new Map(Object.entries(initializers)),
      valueInfo: [...valueInfo],
    },
  };
}

async function outputsOf(model: Model, feeds: Record<string, ort.Tensor>): Promise<Record<string, unknown>> {
  const session = await ort.InferenceSession.create(writeModel(model), { logSeverityLevel: 3 });
  const results = await session.run(feeds);
  return Object.fromEntries(Object.entries(results).map(([name, { dims, data }]) => [name, { dims, data }]));
}

async function expectSame(old: Old): Promise<Model> {
  const before = modelOf(old);
  const after = upgrade(before);
  expect(after.opsets['']).toBe(Math.max(18, old.opset));
  expect(after.graph.nodes.some(({ op }) => op === 'Constant')).toBe(false);
  const random = new Random(5);
  const feeds = Object.fromEntries(
    Object.entries(old.inputs)
      .filter(([name]) => !old.initializers?.[name])
      .map(([name, shape]) => {
        const data = Float32Array.from({ length: count(shape) }, () => random.between(-2, 2));
        return [name, new ort.Tensor('float32', data, shape)];
      }),
  );
  expect(await outputsOf(after, feeds)).toEqual(await outputsOf(before, feeds));
  return after;
}

const x = { x: [2, 3, 4, 6] };
const y: Readonly<Record<string, DataType>> = { y: 'float32' };
const single = (opset: number, op: string, attributes: Readonly<Record<string, AttributeLike>> = {}): Old => ({
  opset,
  nodes: [node(op, ['x'], ['y'], attributes)],
  inputs: x,
  outputs: y,
});

/** A node that reads x and initializers. */
const fed = (opset: number, op: string, initializers: Record<string, Tensor>, attributes = {}): Old => ({
  opset,
  nodes: [node(op, ['x', ...Object.keys(initializers)], ['y'], attributes)],
  inputs: x,
  outputs: y,
  initializers,
});

const ROWS: Readonly<Record<string, Old>> = {
  'Softmax of all axes from 1': single(9, 'Softmax'),
  'Softmax, axis 2': single(11, 'Softmax', { axis: 2 }),
  'Softmax, last axis': single(11, 'Softmax', { axis: 3 }),
  'Softmax, axis -1': single(11, 'Softmax', { axis: -1 }),
  'Softmax, axis -2': single(11, 'Softmax', { axis: -2 }),
  'LogSoftmax, axis 1': single(12, 'LogSoftmax', { axis: 1 }),
  'Hardmax, axis 2': single(9, 'Hardmax', { axis: 2 }),
  'Softmax of 13': single(13, 'Softmax', { axis: 1 }),
  Upsample: fed(9, 'Upsample', { scales: reals(1, 1, 2, 3) }, { mode: 'nearest' }),
  'Upsample, fractions': fed(9, 'Upsample', { scales: reals(1, 1, 1.5, 1.3) }),
  'Upsample, linear': fed(9, 'Upsample', { scales: reals(1, 1, 2, 2) }, { mode: 'linear' }),
  'Upsample of 7': single(7, 'Upsample', { scales: floats([1, 1, 2, 2]) }),
  'Resize of 10': fed(10, 'Resize', { scales: reals(1, 1, 2, 1.7) }),
  'Resize of 10, smaller': fed(10, 'Resize', { scales: reals(1, 1, 0.6, 0.4) }),
  'Resize of 10, linear': fed(10, 'Resize', { scales: reals(1, 1, 0.6, 0.5) }, { mode: 'linear' }),
  'Resize of 11': fed(
    11,
    'Resize',
    { roi: tensor('float32', [0], new Float32Array(0)), scales: reals(1, 1, 2, 2) },
    { mode: 'linear', coordinate_transformation_mode: 'align_corners' },
  ),
  'Resize of 11, sizes': fed(
    11,
    'Resize',
    {
      roi: tensor('float32', [0], new Float32Array(0)),
      scales: tensor('float32', [0], new Float32Array(0)),
      sizes: ints(2, 3, 7, 9),
    },
    { mode: 'cubic', cubic_coeff_a: float(-0.5) },
  ),
  Slice: single(9, 'Slice', { starts: [1, -4], ends: [3, 100], axes: [1, 3] }),
  'Slice without axes': single(9, 'Slice', { starts: [0, 1], ends: [1, 3] }),
  Pad: single(9, 'Pad', { pads: [0, 0, 1, 2, 0, 0, 0, 1], value: float(0.3) }),
  'Pad, reflect': single(10, 'Pad', { pads: [0, 0, 1, 2, 0, 0, 0, 1], mode: 'reflect' }),
  Clip: single(9, 'Clip', { min: float(-0.5), max: float(0.7) }),
  'Clip, only max': single(10, 'Clip', { max: float(0.7) }),
  'Clip without bounds': single(10, 'Clip'),
  Dropout: single(9, 'Dropout', { ratio: float(0.2) }),
  'Dropout with a mask that nobody reads': {
    ...single(10, 'Dropout'),
    nodes: [node('Dropout', ['x'], ['y', 'mask'])],
  },
  BatchNormalization: fed(
    9,
    'BatchNormalization',
    { s: reals(1, 2, 3), b: reals(0, 1, 2), m: reals(0.1, 0.2, 0.3), v: reals(1, 2, 0.5) },
    { epsilon: float(1e-3), momentum: float(0.8) },
  ),
  Unsqueeze: single(11, 'Unsqueeze', { axes: [0, 3] }),
  Squeeze: {
    ...single(11, 'Squeeze'),
    nodes: [node('Unsqueeze', ['x'], ['u'], { axes: [2] }), node('Squeeze', ['u'], ['y'], { axes: [2] })],
  },
  'Squeeze of all': { ...single(11, 'Squeeze'), inputs: { x: [2, 1, 3, 1] } },
  Split: {
    ...single(11, 'Split'),
    nodes: [node('Split', ['x'], ['y', 'z'], { axis: 3, split: [2, 4] })],
    outputs: { ...y, z: 'float32' },
  },
  'Split in equal parts': {
    ...single(11, 'Split'),
    nodes: [node('Split', ['x'], ['y', 'z'], { axis: 2 })],
    outputs: { ...y, z: 'float32' },
  },
  'Split of 13': {
    ...single(13, 'Split'),
    nodes: [node('Split', ['x'], ['y', 'z'], { axis: 3 })],
    outputs: { ...y, z: 'float32' },
  },
  ReduceSum: single(11, 'ReduceSum', { axes: [1, -1], keepdims: 0 }),
  'ReduceSum of all': single(11, 'ReduceSum'),
  ReduceMean: single(13, 'ReduceMean', { axes: [2, 3] }),
  ReduceMax: single(12, 'ReduceMax', { axes: [1], keepdims: 0 }),
  ReduceL2: single(13, 'ReduceL2', { axes: [2, 3] }),
  ReduceLogSumExp: single(9, 'ReduceLogSumExp', { axes: [3] }),
  Scatter: {
    ...fed(9, 'Scatter', {}),
    nodes: [node('Scatter', ['x', 'i', 'u'], ['y'], { axis: 1 })],
    initializers: {
      i: tensor('int64', [1, 1, 1, 2], BigInt64Array.of(2n, 0n)),
      u: tensor('float32', [1, 1, 1, 2], Float32Array.of(7, 8)),
    },
  },
  'TopK of 9': {
    ...single(9, 'TopK'),
    nodes: [node('TopK', ['x'], ['y', 'i'], { axis: 3, k: 2 })],
    outputs: { ...y, i: 'int64' },
  },
  'TopK of 10': {
    ...single(10, 'TopK'),
    nodes: [node('TopK', ['x', 'k'], ['y', 'i'])],
    outputs: { ...y, i: 'int64' },
    initializers: { k: ints(3) },
  },
  RoiAlign: fed(
    10,
    'RoiAlign',
    { rois: tensor('float32', [1, 4], Float32Array.of(0.3, 0.4, 3.6, 3.1)), batches: ints(1) },
    { output_height: 2, output_width: 3, sampling_ratio: 2 },
  ),
};

describe('an upgraded model computes the same function', () => {
  it.each(Object.entries(ROWS))('%s', async (_, old) => {
    await expectSame(old);
  });
});

describe('upgrade', () => {
  it('turns every form of Constant into an initializer', async () => {
    const forms: Record<string, AttributeLike> = {
      value: reals(1, 2),
      value_float: float(0.5),
      value_floats: floats([3, 4]),
    };
    const after = await expectSame({
      opset: 13,
      nodes: [
        ...Object.entries(forms).map(([name, value]) => node('Constant', [], [name], { [name]: value })),
        node('Constant', [], ['shape'], { value_ints: [3, 2] }),
        node('Constant', [], ['at'], { value_int: 1 }),
        node('Add', ['x', 'value'], ['a']),
        node('Mul', ['a', 'value_float'], ['b']),
        node('Sub', ['b', 'value_floats'], ['c']),
        node('Reshape', ['c', 'shape'], ['d']),
        node('Gather', ['d', 'at'], ['y']),
      ],
      inputs: { x: [3, 2] },
      outputs: y,
    });
    expect([...after.graph.initializers.keys()].sort()).toEqual([
      'at',
      'shape',
      'value',
      'value_float',
      'value_floats',
    ]);
  });

  it('removes absent inputs at the end of a node, and no others', () => {
    const { graph } = upgrade(modelOf({ ...single(18, 'Relu'), nodes: [node('Clip', ['x', '', 'h', '', ''], ['y'])] }));
    expect(graph.nodes[0].inputs).toEqual(['x', '', 'h']);
  });

  it('removes initializers from the inputs', async () => {
    const after = await expectSame({
      opset: 9,
      irVersion: 3,
      nodes: [node('Add', ['x', 'w'], ['y'])],
      inputs: { x: [2], w: [2] },
      outputs: y,
      initializers: { w: reals(1, 2) },
    });
    expect(after.graph.inputs.map(({ name }) => name)).toEqual(['x']);
    expect(after.irVersion).toBeGreaterThanOrEqual(8);
  });

  it('upgrades subgraphs', async () => {
    const branch = (name: string, nodes: readonly Node[], output: string): Graph => ({
      name,
      nodes: [...nodes],
      inputs: [],
      outputs: [{ name: output, type: 'float32' }],
      initializers: new Map(),
      valueInfo: [],
    });
    const after = await expectSame({
      opset: 11,
      nodes: [
        node('ReduceSum', ['x'], ['total'], { keepdims: 0 }),
        node('Constant', [], ['zero'], { value: tensor('float32', [], Float32Array.of(0)) }),
        node('Greater', ['total', 'zero'], ['positive']),
        node('If', ['positive'], ['y'], {
          then_branch: attribute('graph', branch('then', [node('Softmax', ['x'], ['p'], { axis: 1 })], 'p')),
          else_branch: attribute(
            'graph',
            branch(
              'else',
              [
                node('Constant', [], ['two'], { value: tensor('float32', [], Float32Array.of(2)) }),
                node('Unsqueeze', ['x'], ['u'], { axes: [0] }),
                node('Squeeze', ['u'], ['s'], { axes: [0] }),
                node('Mul', ['s', 'two'], ['q']),
              ],
              'q',
            ),
          ),
        }),
      ],
      inputs: x,
      outputs: y,
    });
    const inner = after.graph.nodes.find(({ op }) => op === 'If')!.attributes.else_branch.value as Graph;
    expect(inner.nodes.map(({ op }) => op)).toEqual(['Unsqueeze', 'Squeeze', 'Mul']);
    expect(inner.nodes[0].inputs).toHaveLength(2);
  });

  it('leaves newer opsets and the given model unchanged', async () => {
    const before = modelOf(single(9, 'Softmax'));
    const copy = structuredClone(before);
    upgrade(before);
    expect(before).toEqual(copy);
    await expectSame(fed(20, 'ReduceMax', { axes: ints(1) }));
  });

  it.each([
    ['very old operator sets', single(6, 'Relu'), /operator set 6 is too old/],
    [
      'statistics of batch norm that are used',
      {
        ...ROWS.BatchNormalization,
        nodes: [
          node('BatchNormalization', ['x', 's', 'b', 'm', 'v'], ['y', 'mean', 'var']),
          node('Relu', ['mean'], ['r']),
        ],
      },
      /BatchNormalization node "y".*statistics/,
    ],
    [
      'masks of dropout that are used',
      { ...ROWS.Dropout, nodes: [node('Dropout', ['x'], ['y', 'm'])], outputs: { y: 'float32', m: 'bool' } },
      /Dropout node "y".*mask/,
    ],
    ['axes that grow and shrink', fed(10, 'Resize', { scales: reals(1, 1, 0.5, 2) }), /Resize node "y".*shrink/],
  ] as const)('refuses %s', (_, old, message) => {
    expect(() => upgrade(modelOf(old))).toThrow(message);
  });
});
