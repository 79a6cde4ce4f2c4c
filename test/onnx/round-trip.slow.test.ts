import { describe, expect, test } from 'vitest';
import { onnx } from '../../src/onnx/generated/onnx.js';
import {
  type Attribute,
  bytesOf,
  type DataType,
  type Model,
  type Node,
  readModel,
  type Tensor,
  writeModel,
  writeModelWithExternalData,
} from '../../src/onnx/index.ts';
import { nodeRuntime } from '../../src/runtime/node/sessions.ts';
import { loadNetwork } from '../reference.ts';
import { ints, smallModel, tensor, tensorAttribute, weights } from '../small-models.ts';

const again = (model: Model): Model => readModel(new Uint8Array(writeModel(model)));
const runtime = nodeRuntime();

async function outputsOf(bytes: Uint8Array, feeds: Record<string, Tensor>): Promise<Record<string, Tensor>> {
  const session = await runtime.load(bytes);
  try {
    return await session.run(feeds);
  } finally {
    await session.release();
  }
}

/** The same outputs before and after, bit for bit. */
async function expectSameOutputs(bytes: Uint8Array, feeds: Record<string, Tensor>) {
  const before = await outputsOf(bytes, feeds);
  const after = await outputsOf(writeModel(readModel(bytes)), feeds);
  expect(Object.keys(after)).toEqual(Object.keys(before));
  for (const [name, { data, shape }] of Object.entries(before)) {
    expect(after[name].shape).toEqual(shape);
    expect(after[name].data).toEqual(data);
  }
}

describe('the bytes of a model', () => {
  const types = ['float32', 'int64', 'float64', 'float16', 'uint8'] as const;
  // Names of many lengths move tensors of many lengths to every alignment.
  const initializers = Object.fromEntries(
    types.flatMap((type) =>
      [1, 3, 40, 100, 5000].flatMap((length) =>
        Array.from({ length: 8 }, (_, pad) => {
          const bytes = Uint8Array.from({ length: 8 * length }, (_, i) => (i * 31 + pad) % 251);
          const data = { float32: Float32Array, int64: BigInt64Array, float64: Float64Array, float16: Uint16Array };
          const array = type === 'uint8' ? bytes : new data[type](bytes.buffer);
          return [
            `${type}_${length}_${'n'.repeat(pad)}`,
            { type, shape: [array.length], data: array } satisfies Tensor,
          ];
        }),
      ),
    ),
  );
  const model: Model = {
    ...smallModel({ inputs: { x: [1] }, outputs: { y: [1] }, nodes: [['Neg', ['x'], ['y']]], initializers }),
    unknown: [Uint8Array.of(0x9a, 0x06, 3, 1, 2, 3)],
  };

  test('are reused for aligned tensors if the reader may consume them', () => {
    const bytes = writeModel(model).slice();
    const read = readModel(bytes, undefined, { consume: true });
    expect(writeModel(read)).toEqual(writeModel(model));
    const views = [...read.graph.initializers.values()].map(({ data }) => data as Float32Array);
    // A field has two to four bytes before its contents, which may not suffice to align them.
    const copied = views.filter(({ buffer }) => buffer !== bytes.buffer);
    const mayLack = ({ byteLength, BYTES_PER_ELEMENT: size }: Float32Array) =>
      size === 8 || (size === 4 && byteLength < 128);
    expect(copied.every(mayLack)).toBe(true);
    expect(views.length - copied.length).toBeGreaterThan(views.length / 2);
  });

  test('stay unchanged otherwise', () => {
    const bytes = writeModel(model).slice();
    readModel(bytes);
    expect(bytes).toEqual(writeModel(model).slice());
  });
});

describe('tensors', () => {
  const bits = (length: number) => Uint8Array.from({ length }, (_, i) => (i * 37 + 11) % 256);
  test.each<[DataType, number]>([
    ['float32', 12],
    ['float64', 24],
    ['float16', 6],
    ['bfloat16', 6],
    ['int8', 3],
    ['uint8', 3],
    ['int16', 6],
    ['uint16', 6],
    ['int32', 12],
    ['uint32', 12],
    ['int64', 24],
    ['uint64', 24],
    ['bool', 3],
    ['complex64', 24],
    ['complex128', 48],
    ['float8e4m3fn', 3],
    ['float8e4m3fnuz', 3],
    ['float8e5m2', 3],
    ['float8e5m2fnuz', 3],
    ['float8e8m0', 3],
    ['uint4', 2],
    ['int4', 2],
    ['float4e2m1', 2],
    ['uint2', 1],
    ['int2', 1],
  ])('%s keeps its bits', (type, size) => {
    const raw = bits(size);
    const proto = { name: 't', dims: [3], data_type: codeOf(type), raw_data: raw };
    const read = modelWith(proto).graph.initializers.get('t')!;
    expect(read).toMatchObject({ type, shape: [3] });
    expect(bytesOf(read)).toEqual(raw);
    expect(bytesOf(again(modelWith(proto)).graph.initializers.get('t')!)).toEqual(raw);
  });

  const long = (value: bigint) => ({
    low: Number(value & 0xffffffffn) | 0,
    high: Number(value >> 32n) | 0,
    unsigned: false,
  });
  test.each<[DataType, object, ArrayLike<number | bigint | string>]>([
    ['float32', { float_data: [1.5, -0, Number.NaN] }, Float32Array.of(1.5, -0, Number.NaN)],
    ['float64', { double_data: [1e300, 2, 3] }, Float64Array.of(1e300, 2, 3)],
    ['float16', { int32_data: [0x3c00, 0xfc00, 1] }, Uint16Array.of(0x3c00, 0xfc00, 1)],
    ['bfloat16', { int32_data: [0x3f80, 0xff80, 1] }, Uint16Array.of(0x3f80, 0xff80, 1)],
    ['int8', { int32_data: [-128, 0, 127] }, Int8Array.of(-128, 0, 127)],
    ['uint8', { int32_data: [0, 128, 255] }, Uint8Array.of(0, 128, 255)],
    ['int16', { int32_data: [-32768, 0, 32767] }, Int16Array.of(-32768, 0, 32767)],
    ['uint16', { int32_data: [0, 1, 65535] }, Uint16Array.of(0, 1, 65535)],
    ['int32', { int32_data: [-(2 ** 31), 0, 7] }, Int32Array.of(-(2 ** 31), 0, 7)],
    ['uint32', { uint64_data: [0, 1, 2 ** 32 - 1] }, Uint32Array.of(0, 1, 2 ** 32 - 1)],
    [
      'int64',
      { int64_data: [long(-(2n ** 63n)), long(2n ** 53n + 1n), 5] },
      BigInt64Array.of(-(2n ** 63n), 2n ** 53n + 1n, 5n),
    ],
    ['uint64', { uint64_data: [long(2n ** 64n - 1n), 0, 5] }, BigUint64Array.of(2n ** 64n - 1n, 0n, 5n)],
    ['bool', { int32_data: [1, 0, 1] }, Uint8Array.of(1, 0, 1)],
    ['complex64', { float_data: [1, 2, 3, 4, 5, 6] }, Float32Array.of(1, 2, 3, 4, 5, 6)],
    ['float8e4m3fn', { int32_data: [1, 2, 255] }, Uint8Array.of(1, 2, 255)],
    ['int4', { int32_data: [0xf1, 0x02] }, Uint8Array.of(0xf1, 0x02)],
    [
      'string',
      { string_data: ['', 'grüße', '\ufefflion'].map((s) => new TextEncoder().encode(s)) },
      ['', 'grüße', '\ufefflion'],
    ],
  ])('%s is read from its typed field', (type, data, expected) => {
    const proto = { name: 't', dims: [3], data_type: codeOf(type), ...data };
    for (const model of [modelWith(proto), again(modelWith(proto))])
      expect(model.graph.initializers.get('t')).toEqual({ type, shape: [3], data: expected });
  });

  test('scalars and tensors without elements survive', () => {
    const scalar = { name: 't', dims: [], data_type: 1, float_data: [2] };
    expect(again(modelWith(scalar)).graph.initializers.get('t')).toEqual(tensor('float32', [], () => 2));
    const none = { name: 't', dims: [0, 4], data_type: 1 };
    expect(again(modelWith(none)).graph.initializers.get('t')).toEqual(tensor('float32', [0, 4], () => 0));
  });

  test('survive in a second file', () => {
    const model = smallModel({
      inputs: {},
      outputs: {},
      nodes: [],
      initializers: { a: weights([400]), small: weights([2]), b: tensor('int64', [300], (i) => i) },
    });
    const { model: bytes, data } = writeModelWithExternalData(model, { location: 'w.bin' });
    const parts = [...data];
    expect(parts).toHaveLength(2);
    const all = new Uint8Array(parts.flatMap((part) => [...part]));
    const read = readModel(bytes, (location, offset, length) => {
      expect(location).toBe('w.bin');
      return all.slice(offset, length === undefined ? undefined : offset + length);
    });
    expect(read.graph.initializers).toEqual(model.graph.initializers);
    expect(() => readModel(bytes)).toThrow(/another file, "w.bin"/);
  });
});

const CODES: Partial<Record<DataType, number>> = {};
/** The type's number in the format, from the writer's output. */
function codeOf(type: DataType): number {
  const empty: Tensor = { type, shape: [0], data: type === 'string' ? [] : new Uint8Array() };
  CODES[type] ??= onnx.ModelProto.decode(
    writeModel(smallModel({ inputs: {}, outputs: {}, nodes: [], initializers: { t: empty } })),
  ).graph?.initializer?.[0].data_type as number;
  return CODES[type];
}

const modelWith = (initializer: onnx.TensorProto.$Properties): Model =>
  readModel(
    onnx.ModelProto.encode({
      ir_version: 10,
      opset_import: [{ domain: 'ai.onnx', version: 21 }],
      graph: { name: 'g', initializer: [initializer] },
    }).finish(),
  );

test('the type numbers match onnx.proto', () => {
  const types: DataType[] = [
    'float32',
    'uint8',
    'int8',
    'uint16',
    'int16',
    'int32',
    'int64',
    'string',
    'bool',
    'float16',
  ];
  const later: DataType[] = ['float64', 'uint32', 'uint64', 'complex64', 'complex128', 'bfloat16'];
  expect([...types, ...later].map(codeOf)).toEqual(Array.from({ length: 16 }, (_, i) => i + 1));
  expect(codeOf('uint4')).toBe(21);
  expect(codeOf('int4')).toBe(22);
});

test('attributes of every kind survive, including integers beyond 2^53', () => {
  const inner = smallModel({ inputs: {}, outputs: { o: [1] }, nodes: [['Neg', ['x'], ['o']]] }).graph;
  const attributes: Record<string, Attribute> = {
    int: { kind: 'int', value: -7 },
    zero: { kind: 'int', value: 0 },
    large: { kind: 'int', value: 2n ** 62n + 1n },
    least: { kind: 'int', value: -(2n ** 63n) },
    float: { kind: 'float', value: Math.fround(0.1) },
    whole: { kind: 'float', value: 1 },
    string: { kind: 'string', value: 'grüße' },
    empty: { kind: 'string', value: '' },
    ints: { kind: 'ints', value: [1, -1, 2n ** 60n] },
    none: { kind: 'ints', value: [] },
    floats: { kind: 'floats', value: [0.5, -2] },
    strings: { kind: 'strings', value: ['a', ''] },
    tensor: { kind: 'tensor', value: ints(1, 2) },
    tensors: { kind: 'tensors', value: [ints(3), weights([2])] },
    graph: { kind: 'graph', value: inner },
    graphs: { kind: 'graphs', value: [inner, inner] },
  };
  const node: Node = {
    name: 'n',
    op: 'Anything',
    domain: 'mine',
    inputs: ['x', '', 'z'],
    outputs: ['', 'y'],
    attributes,
  };
  const model = smallModel({ inputs: { x: ['N'] }, outputs: { y: [null, 'M', 3] }, nodes: [] });
  model.graph.nodes.push(node);
  const read = again(model);
  expect(read.graph.nodes[0]).toMatchObject(node);
  expect(read.graph.outputs[0].shape).toEqual([null, 'M', 3]);
});

test('strings that are not UTF-8 keep their bytes', () => {
  const bytes = Uint8Array.of(0xff, 0xfe, 0x41);
  const encoded = onnx.ModelProto.encode({
    opset_import: [{ version: 17 }],
    graph: { node: [{ op_type: 'Any', output: ['y'], attribute: [{ name: 's', type: 3, s: bytes }] }] },
  }).finish();
  const written = onnx.ModelProto.decode(writeModel(readModel(encoded)));
  expect(new Uint8Array(written.graph!.node![0].attribute![0].s!)).toEqual(bytes);
});

test('metadata, producer, versions and unknown fields survive', () => {
  const known = writeModel({
    ...smallModel({ inputs: {}, outputs: {}, nodes: [] }),
    producerName: 'pytorch',
    producerVersion: '2.15',
    metadata: { author: 'somebody', empty: '' },
    opsets: { '': 17, 'com.microsoft': 1 },
  });
  // model_version = 5, doc_string = "hi" and a future field (number 90), encoded.
  const unknown = Uint8Array.of(0x28, 5, 0x32, 2, 0x68, 0x69, 0xd2, 0x05, 1, 0x7f);
  const model = readModel(Uint8Array.of(...known, ...unknown));
  const read = again(model);
  expect(read).toEqual(model);
  expect(read).toMatchObject({
    producerName: 'pytorch',
    metadata: { author: 'somebody', empty: '' },
    opsets: { '': 17 },
  });
  expect(Buffer.from(writeModel(read)).includes(Buffer.from(unknown.subarray(0, 6)))).toBe(true);
  expect(Buffer.from(writeModel(read)).includes(Buffer.from(unknown.subarray(6)))).toBe(true);
});

describe('ONNX Runtime computes the same outputs after a round trip of', () => {
  test('If, Loop, Constant nodes and subgraphs that read outer names', async () => {
    const branch = (op: string) =>
      smallModel({ inputs: {}, outputs: { r: [2] }, nodes: [[op, ['x', 'one'], ['r']]] }).graph;
    const body = smallModel({
      inputs: { i: [], go: [], sum: [2] },
      outputs: { still: [], next: [2] },
      types: { i: 'int64', go: 'bool', still: 'bool' },
      nodes: [
        ['Identity', ['go'], ['still']],
        ['Add', ['sum', 'x'], ['next']],
      ],
    }).graph;
    const model = smallModel({
      inputs: { x: [2], flag: [] },
      outputs: { y: [2], total: [2] },
      types: { flag: 'bool' },
      initializers: { times: tensor('int64', [], () => 3) },
      nodes: [
        ['Constant', [], ['one'], { value: tensorAttribute(tensor('float32', [2], (i) => i + 1)) }],
        [
          'If',
          ['flag'],
          ['y'],
          {
            then_branch: { kind: 'graph', value: branch('Add') },
            else_branch: { kind: 'graph', value: branch('Mul') },
          },
        ],
        ['Loop', ['times', 'flag', 'one'], ['total'], { body: { kind: 'graph', value: body } }],
      ],
    });
    for (const flag of [0, 1]) {
      const feeds = { x: tensor('float32', [2], (i) => 10 * i + 0.5), flag: tensor('bool', [], () => flag) };
      await expectSameOutputs(writeModel(model), feeds);
      const { y, total } = await outputsOf(writeModel(again(model)), feeds);
      expect([...(y.data as Float32Array)]).toEqual(flag ? [1.5, 12.5] : [0.5, 21]);
      expect([...(total.data as Float32Array)]).toEqual(flag ? [2.5, 33.5] : [1, 2]);
    }
  });

  test('a model with its own functions', async () => {
    const call = smallModel({ inputs: { x: [2] }, outputs: { y: [2] }, nodes: [] });
    call.opsets = { '': 17, mine: 1 };
    call.graph.nodes.push({ name: 'call', op: 'Twice', domain: 'mine', inputs: ['x'], outputs: ['y'], attributes: {} });
    // FunctionProto: name = 1, input = 4, output = 5, node = 7, opset_import = 9, domain = 10; in ModelProto it is field 25.
    const field = (number: number, bytes: Uint8Array) => {
      const key = (number << 3) | 2;
      return [...(key < 128 ? [key] : [(key & 127) | 128, key >> 7]), bytes.length, ...bytes];
    };
    const text = (value: string) => new TextEncoder().encode(value);
    const body = onnx.NodeProto.encode({ op_type: 'Add', input: ['a', 'a'], output: ['b'] }).finish();
    const opset = onnx.OperatorSetIdProto.encode({ domain: '', version: 17 }).finish();
    const definition = Uint8Array.of(
      ...field(1, text('Twice')),
      ...field(4, text('a')),
      ...field(5, text('b')),
      ...field(7, body),
      ...field(9, opset),
      ...field(10, text('mine')),
    );
    const bytes = Uint8Array.of(...writeModel(call), ...field(25, definition));
    const feeds = { x: tensor('float32', [2], (i) => i + 1) };
    await expectSameOutputs(bytes, feeds);
    expect([...((await outputsOf(writeModel(readModel(bytes)), feeds)).y.data as Float32Array)]).toEqual([2, 4]);
  });

  test.each(['mobilenet_v3_small-folded', 'resnet18-kept', 'efficientnet_b0-kept'])('%s', async (network) => {
    const { model, runs } = loadNetwork(network);
    await expectSameOutputs(model, runs[0].inputs);
  });
});

test('nodes move behind the nodes whose outputs they read', () => {
  const model = smallModel({
    inputs: { x: [2] },
    outputs: { y: [2] },
    nodes: [
      ['Relu', ['a'], ['b']],
      ['Neg', ['x'], ['c']],
      ['Add', ['b', 'c'], ['y']],
      ['Exp', ['x'], ['a']],
    ],
  });
  const { nodes } = readModel(writeModel(model)).graph;
  expect(nodes.map(({ op }) => op)).toEqual(['Exp', 'Relu', 'Neg', 'Add']);
});
