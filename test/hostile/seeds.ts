/**
 * Valid models of every kind that Thaw accepts. They load and train, so any fault of a mutant comes from the mutation.
 */
import {
  type Attribute,
  float,
  type Graph,
  type Model,
  narrowed,
  writeModel,
  writeModelWithExternalData,
} from '../../src/onnx/index.ts';
import { quantizedPretrained } from '../quantized-models.ts';
import { ints, type NodeLine, type SmallModel, smallModel, tensor, tensorAttribute, weights } from '../small-models.ts';

/** A model, and the contents of the `weights.bin` next to it. */
export interface Seed {
  readonly model: Uint8Array;
  readonly external?: Uint8Array;
}

const scalar = (value: number) => tensor('float32', [], () => value);
const linear = (name: string, outputs: number, inputs: number, seed = 1) => ({
  [`${name}.weight`]: weights([outputs, inputs], seed),
  [`${name}.bias`]: weights([outputs], seed + 1),
});
const graphOf = (small: SmallModel): Attribute => ({ kind: 'graph', value: smallModel(small).graph });
const positive = (shape: readonly number[]) => tensor('float32', shape, (i) => 0.5 + (i % 7) / 7);

const SIDE = 6;
const image = { inputs: { pixels: ['batch', 3, SIDE, SIDE] }, outputs: { logits: ['batch', 3] } } as const;

/** Convolution, batch normalization, activation, pooling, classifier. */
const convolutional = (more: Partial<SmallModel> = {}): Model =>
  smallModel({
    ...image,
    initializers: {
      'conv1.weight': weights([4, 3, 3, 3], 1),
      'bn1.weight': positive([4]),
      'bn1.bias': weights([4], 2),
      'bn1.running_mean': weights([4], 3),
      'bn1.running_var': positive([4]),
      'conv2.weight': weights([4, 4, 3, 3], 4),
      'conv2.bias': weights([4], 5),
      ...linear('fc', 3, 4, 6),
    },
    nodes: [
      ['Conv', ['pixels', 'conv1.weight'], ['c'], { pads: [1, 1, 1, 1], strides: [2, 2] }, '/conv1/Conv'],
      ['BatchNormalization', ['c', 'bn1.weight', 'bn1.bias', 'bn1.running_mean', 'bn1.running_var'], ['n'], {}, '/bn1'],
      ['Relu', ['n'], ['r']],
      ['Conv', ['r', 'conv2.weight', 'conv2.bias'], ['d'], { pads: [1, 1, 1, 1] }, '/conv2/Conv'],
      ['Add', ['d', 'r'], ['s']],
      ['MaxPool', ['s'], ['m'], { kernel_shape: [2, 2] }],
      ['GlobalAveragePool', ['m'], ['p']],
      ['Flatten', ['p'], ['f'], { axis: 1 }],
      ['Gemm', ['f', 'fc.weight', 'fc.bias'], ['logits'], { transB: 1 }, '/fc/Gemm'],
    ],
    ...more,
  });

const [WIDTH, HEADS, TOKENS] = [8, 2, 4];

/** Attention and a perceptron, each after a layer normalization, as exporters write them. */
function transformerNodes(x: string, y: string): NodeLine[] {
  const heads = (name: string): NodeLine[] => [
    ['MatMul', ['h', `${name}.weight`], [`${name}.product`], {}, `/layer.0/${name}/MatMul`],
    ['Add', [`${name}.bias`, `${name}.product`], [`${name}.sum`]],
    ['Reshape', [`${name}.sum`, 'apart'], [`${name}.apart`]],
    ['Transpose', [`${name}.apart`], [name], { perm: name === 'k' ? [0, 2, 3, 1] : [0, 2, 1, 3] }],
  ];
  return [
    ['LayerNormalization', [x, 'ln1.weight', 'ln1.bias'], ['h'], { axis: -1, epsilon: float(1e-5) }],
    ...['q', 'k', 'v'].flatMap(heads),
    ['MatMul', ['q', 'k'], ['scores']],
    ['Div', ['scores', 'root'], ['scaled']],
    ['Softmax', ['scaled'], ['shares'], { axis: -1 }],
    ['MatMul', ['shares', 'v'], ['mixed']],
    ['Transpose', ['mixed'], ['together'], { perm: [0, 2, 1, 3] }],
    ['Reshape', ['together', 'joined'], ['attended']],
    ['Add', ['attended', x], ['residual']],
    ['LayerNormalization', ['residual', 'ln2.weight', 'ln2.bias'], ['g'], { axis: -1 }],
    ['MatMul', ['g', 'up.weight'], ['up']],
    ['Div', ['up', 'sqrt2'], ['u1']],
    ['Erf', ['u1'], ['u2']],
    ['Add', ['u2', 'one'], ['u3']],
    ['Mul', ['up', 'u3'], ['u4']],
    ['Mul', ['u4', 'half'], ['gelu']],
    ['MatMul', ['gelu', 'down.weight'], ['down']],
    ['Add', ['residual', 'down'], [y]],
  ];
}

const transformerWeights = {
  ...Object.fromEntries(
    ['q', 'k', 'v'].flatMap((name, i) => [
      [`${name}.weight`, weights([WIDTH, WIDTH], i + 1)],
      [`${name}.bias`, weights([WIDTH], i + 10)],
    ]),
  ),
  ...Object.fromEntries(
    ['ln1', 'ln2'].flatMap((name) => [
      [`${name}.weight`, positive([WIDTH])],
      [`${name}.bias`, weights([WIDTH])],
    ]),
  ),
  'up.weight': weights([WIDTH, 2 * WIDTH], 20),
  'down.weight': weights([2 * WIDTH, WIDTH], 21),
  apart: ints(0, 0, HEADS, WIDTH / HEADS),
  joined: ints(0, 0, WIDTH),
  root: scalar(2),
  sqrt2: scalar(Math.SQRT2),
  one: scalar(1),
  half: scalar(0.5),
};

/** Patches, a class token, attention; the head reads the first token. */
const vision = (): Model =>
  smallModel({
    ...image,
    initializers: {
      ...transformerWeights,
      'patch.weight': weights([WIDTH, 3, 3, 3], 30),
      cls: weights([1, 1, WIDTH], 31),
      positions: weights([1, TOKENS + 1, WIDTH], 32),
      flat: ints(0, WIDTH, -1),
      ...linear('head', 3, WIDTH, 33),
      zero: ints(0),
      first: tensor('int64', [], () => 0),
      first_axis: ints(0),
      one_step: ints(1),
      rest: ints(1, WIDTH),
    },
    nodes: [
      ['Conv', ['pixels', 'patch.weight'], ['patches'], { strides: [3, 3] }, '/patch/Conv'],
      ['Reshape', ['patches', 'flat'], ['rows']],
      ['Transpose', ['rows'], ['columns'], { perm: [0, 2, 1] }],
      ['Shape', ['columns'], ['shape']],
      ['Slice', ['shape', 'zero', 'one_step'], ['batch_size']],
      ['Concat', ['batch_size', 'rest'], ['token_shape'], { axis: 0 }],
      ['Expand', ['cls', 'token_shape'], ['tokens']],
      ['Concat', ['tokens', 'columns'], ['sequence'], { axis: 1 }],
      ['Add', ['sequence', 'positions'], ['x']],
      ...transformerNodes('x', 'encoded'),
      ['Gather', ['encoded', 'first'], ['token'], { axis: 1 }],
      ['Gemm', ['token', 'head.weight', 'head.bias'], ['logits'], { transB: 1 }, '/head/Gemm'],
    ],
  });

/** Embedding, mask, attention, mean over tokens. */
const text = (): Model =>
  smallModel({
    inputs: { input_ids: ['batch', 'sequence'], attention_mask: ['batch', 'sequence'] },
    outputs: { logits: ['batch', 3] },
    types: { input_ids: 'int64', attention_mask: 'int64' },
    initializers: {
      ...transformerWeights,
      'embedding.weight': weights([20, WIDTH], 40),
      one_axis: ints(1),
      last: ints(-1),
      ...linear('classifier', 3, WIDTH, 41),
    },
    nodes: [
      ['Gather', ['embedding.weight', 'input_ids'], ['words'], {}, '/embedding/Gather'],
      ['Cast', ['attention_mask'], ['mask'], { to: 1 }],
      ['Unsqueeze', ['mask', 'last'], ['column']],
      ['Mul', ['words', 'column'], ['x']],
      ...transformerNodes('x', 'last_hidden_state'),
      ['ReduceMean', ['last_hidden_state', 'one_axis'], ['pooled'], { keepdims: 0 }],
      ['Gemm', ['pooled', 'classifier.weight', 'classifier.bias'], ['logits'], { transB: 1 }, '/classifier/Gemm'],
    ],
    opset: 18,
  });

/** Operators as in opset 9, with attributes in place of today's inputs. */
const old = (): Model =>
  smallModel({
    ...image,
    opset: 9,
    initializers: {
      'conv.weight': weights([4, 3, 3, 3], 50),
      scales: tensor('float32', [4], (i) => (i < 2 ? 1 : 2)),
      'fc.weight': weights([8, 3], 51),
      'fc.bias': weights([3], 52),
    },
    nodes: [
      ['Pad', ['pixels'], ['padded'], { pads: [0, 0, 1, 1, 0, 0, 1, 1], value: float(0), mode: 'constant' }],
      ['Conv', ['padded', 'conv.weight'], ['c'], { kernel_shape: [3, 3] }, '/conv/Conv'],
      ['Clip', ['c'], ['clipped'], { min: float(0), max: float(6) }],
      ['Upsample', ['clipped', 'scales'], ['large'], { mode: 'nearest' }],
      ['AveragePool', ['large'], ['small'], { kernel_shape: [2, 2], strides: [2, 2] }],
      ['Slice', ['small'], ['part'], { axes: [2], starts: [0], ends: { kind: 'ints', value: [2n ** 63n - 1n] } }],
      ['ReduceMean', ['part'], ['rows'], { axes: [3], keepdims: 0 }],
      ['TopK', ['rows'], ['best', 'places'], { k: 2, axis: 2 }],
      ['Split', ['best'], ['left', 'right'], { axis: 2, split: [1, 1] }],
      ['Concat', ['left', 'right'], ['joined'], { axis: 1 }],
      ['Squeeze', ['joined'], ['flat'], { axes: [2] }],
      ['Dropout', ['flat'], ['kept', 'dropped'], { ratio: float(0.5) }],
      ['MatMul', ['kept', 'fc.weight'], ['product'], {}, '/fc/MatMul'],
      ['Add', ['product', 'fc.bias'], ['scores'], {}, '/fc/Add'],
      ['Softmax', ['scores'], ['logits'], { axis: 1 }],
    ],
  });

/** Float16 weights, inputs and outputs. */
function half(): Model {
  const model = convolutional();
  const { graph } = model;
  const info = <T extends { type?: string }>(value: T) => ({ ...value, type: 'float16' as const });
  return {
    ...model,
    graph: {
      ...graph,
      inputs: graph.inputs.map(info),
      outputs: graph.outputs.map(info),
      initializers: new Map([...graph.initializers].map(([name, t]) => [name, narrowed(t, 'float16')])),
    },
  };
}

/** A branch with a known condition, a loop of three steps, a scan over rows. */
const controlled = (): Model => {
  const body = (nodes: readonly NodeLine[], inputs: SmallModel['inputs'], outputs: SmallModel['outputs'], types = {}) =>
    graphOf({ nodes, inputs, outputs, types });
  return smallModel({
    inputs: { x: ['batch', WIDTH] },
    outputs: { logits: ['batch', 3] },
    initializers: {
      yes: tensor('bool', [], () => 1),
      three: tensor('int64', [], () => 3),
      ...linear('one', WIDTH, WIDTH, 60),
      ...linear('fc', 3, WIDTH, 62),
      table: weights([3, WIDTH], 64),
    },
    nodes: [
      ['Gemm', ['x', 'one.weight', 'one.bias'], ['h'], { transB: 1 }, '/one/Gemm'],
      [
        'If',
        ['yes'],
        ['chosen'],
        {
          then_branch: body([['Relu', ['h'], ['kept']]], {}, { kept: ['batch', WIDTH] }),
          else_branch: body([['Neg', ['h'], ['negated']]], {}, { negated: ['batch', WIDTH] }),
        },
      ],
      [
        'Loop',
        ['three', 'yes', 'chosen'],
        ['looped', 'all'],
        {
          body: body(
            [
              ['Tanh', ['state'], ['next']],
              ['Identity', ['go'], ['still']],
              ['ReduceSum', ['next'], ['sum'], { keepdims: 0 }],
            ],
            { i: [], go: [], state: ['batch', WIDTH] },
            { still: [], next: ['batch', WIDTH], sum: [] },
            { i: 'int64', go: 'bool', still: 'bool' },
          ),
        },
      ],
      [
        'Scan',
        ['looped', 'table'],
        ['scanned', 'rows'],
        {
          num_scan_inputs: 1,
          body: body(
            [
              ['Add', ['total', 'row'], ['total_next']],
              ['Mul', ['total_next', 'row'], ['weighted']],
            ],
            { total: ['batch', WIDTH], row: [WIDTH] },
            { total_next: ['batch', WIDTH], weighted: ['batch', WIDTH] },
          ),
        },
      ],
      ['Gemm', ['scanned', 'fc.weight', 'fc.bias'], ['logits'], { transB: 1 }, '/fc/Gemm'],
    ],
  });
};

/** Many operators in a chain. Each has its own rule. */
const varied = (): Model =>
  smallModel({
    inputs: { x: ['batch', 4, WIDTH] },
    outputs: { logits: ['batch', 3], features: ['batch', WIDTH] },
    initializers: {
      ...linear('fc', 3, WIDTH, 70),
      'rows.weight': weights([4, 4], 72),
      scale: positive([WIDTH]),
      last: ints(-1),
      middle: ints(1),
      from: ints(0),
      to: ints(4),
      low: scalar(-2),
      one_tenth: scalar(0.1),
      yes: tensor('bool', [1], () => 1),
      two: scalar(2),
      parts: ints(2, 2),
      target: ints(0, WIDTH, 4),
    },
    nodes: [
      ['Einsum', ['rows.weight', 'x'], ['mixed'], { equation: 'ij,bjk->bik' }],
      ['Split', ['mixed', 'parts'], ['upper', 'lower'], { axis: 1 }],
      ['Concat', ['lower', 'upper'], ['swapped'], { axis: 1 }],
      ['Clip', ['swapped', 'low', 'two'], ['clipped']],
      ['Pow', ['clipped', 'two'], ['squared']],
      ['ReduceMean', ['squared', 'last'], ['variance'], { keepdims: 1 }],
      ['Sqrt', ['variance'], ['deviation']],
      ['Max', ['deviation', 'one_tenth'], ['safe']],
      ['Div', ['clipped', 'safe'], ['normal']],
      ['Mul', ['normal', 'scale'], ['scaled']],
      ['Slice', ['scaled', 'from', 'to', 'middle'], ['sliced']],
      ['Reshape', ['sliced', 'target'], ['turned']],
      ['Transpose', ['turned'], ['back'], { perm: [0, 2, 1] }],
      ['HardSwish', ['back'], ['active']],
      ['Where', ['yes', 'active', 'back'], ['chosen']],
      ['ReduceSum', ['chosen', 'middle'], ['features'], { keepdims: 0 }],
      ['Gemm', ['features', 'fc.weight', 'fc.bias'], ['logits'], { transB: 1, alpha: float(0.5) }, '/fc/Gemm'],
    ],
    opset: 18,
  });

/** A fixed batch size, and constants in nodes. */
function fixedBatch(): Model {
  const model = convolutional({ inputs: { pixels: [1, 3, SIDE, SIDE] }, outputs: { logits: [1, 3] } });
  const { graph } = model;
  const nodes = [...graph.initializers].map(([name, value]): Graph['nodes'][number] => {
    const attributes = { value: tensorAttribute(value) };
    return { name: `${name}/Constant`, op: 'Constant', domain: '', inputs: [], outputs: [name], attributes };
  });
  return { ...model, graph: { ...graph, initializers: new Map(), nodes: [...nodes, ...graph.nodes] } };
}

function external(): Seed {
  const { model, data } = writeModelWithExternalData(convolutional(), { location: 'weights.bin', threshold: 16 });
  return { model, external: Buffer.concat([...data]) };
}

const inside = (model: Model): Seed => ({ model: writeModel(model) });

/** The `weights.bin` that `surroundModel` writes. */
export const EXTERNAL = external().external!;

export const SEEDS: Readonly<Record<string, () => Seed>> = {
  'convolutions, batch norm, pooling': () => inside(convolutional()),
  'vision transformer': () => inside(vision()),
  'text encoder': () => inside(text()),
  'operator set 9': () => inside(old()),
  float16: () => inside(half()),
  'quantized, per tensor': () => inside(quantizedPretrained({ perChannel: false })),
  'quantized, per channel': () => inside(quantizedPretrained({ perChannel: true })),
  'If, Loop and Scan': () => inside(controlled()),
  'operators of all families': () => inside(varied()),
  'fixed batch, constants in nodes': () => inside(fixedBatch()),
  'external data': external,
};
