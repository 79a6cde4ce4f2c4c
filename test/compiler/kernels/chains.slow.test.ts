import * as ort from 'onnxruntime-node';
import { describe, expect, it } from 'vitest';
import { chainsBySample } from '../../../src/compiler/kernels/index.ts';
import { GraphBuilder, type Shape, type Value } from '../../../src/onnx/index.ts';
import { encode, random } from './harness.ts';

const SAMPLE = [32, 128, 132];
const SHAPES = {
  x: ['N', ...SAMPLE],
  dy: ['N', ...SAMPLE],
  ofSample: ['N', 32, 1, 1],
  ofChannel: [1, 32, 1, 1],
  ofColumn: [132],
  small: ['N', 4, 4, 4],
  fixed: [3, ...SAMPLE],
} satisfies Record<string, Shape>;

type Values = Record<keyof typeof SHAPES, Value>;
type Emit = (b: GraphBuilder, values: Values) => readonly Value[];

function written(emit: Emit, looped: boolean) {
  const b = new GraphBuilder();
  const inputs = Object.entries(SHAPES).map(([name, shape]) => b.input(name, 'float32', shape));
  const outputs = emit(b, Object.fromEntries(inputs.map((value) => [value.name, value])) as Values);
  if (looped) {
    chainsBySample(
      b,
      outputs.map(({ name }) => name),
    );
  }
  // Without the operators that copy nothing.
  const operators = b.nodes.map(({ op }) => op).filter((op) => op !== 'Reshape' && op !== 'Squeeze');
  return { b, inputs, outputs, operators };
}

async function results(emit: Emit, looped: boolean) {
  const { b, inputs, outputs } = written(emit, looped);
  const session = await ort.InferenceSession.create(encode(b, inputs, outputs), { logSeverityLevel: 3 });
  const feeds = inputs.map(({ name, shape }, i) => {
    const sizes = shape.map((d) => (typeof d === 'number' ? d : 3));
    return [name, new ort.Tensor('float32', random(i, sizes).data as Float32Array, sizes)] as const;
  });
  const found = await session.run(Object.fromEntries(feeds));
  await session.release();
  return outputs.map(({ name }) => found[name]);
}

const bytesOf = (data: ort.Tensor['data']) => Buffer.from((data as Float32Array).buffer);

/** The gradient of a clip to [0, 1/2]. */
const masked = (b: GraphBuilder, x: Value, dy: Value) =>
  b.mul(b.mul(dy, b.positive(x)), b.positive(b.sub(b.scalar(0.5), x)));

describe('elementwise nodes over large maps are computed sample by sample', () => {
  it.each<[string, Emit, string[]]>([
    ['a chain', (b, { x, dy }) => [masked(b, x, dy)], ['Scan']],
    ['what is read twice within', (b, { x }) => [b.mul(b.exp(x), b.exp(x))], ['Scan']],
    ['numbers', (b, { x }) => [b.add(b.mul(x, 2), 1)], ['Scan']],
    ['numbers of as many axes', (b, { x, ofChannel }) => [b.exp(b.mul(x, ofChannel))], ['Scan']],
    ['numbers of fewer axes', (b, { x, ofColumn }) => [b.exp(b.mul(ofColumn, x))], ['Scan']],
    ['numbers of a sample', (b, { x, ofSample }) => [b.exp(b.mul(x, ofSample))], ['Scan']],
    [
      'conditions',
      (b, { x, dy }) => [b.where(b.and(b.greater(x, 0), b.less(x, dy)), b.neg(dy), b.scalar(0.25))],
      ['Scan'],
    ],
    [
      'two chains with other operators between',
      (b, { x, dy }) => [masked(b, b.softmax(masked(b, x, dy)), dy)],
      ['Scan', 'Softmax', 'Scan'],
    ],
    [
      'up to what is read elsewhere',
      (b, { x, dy }) => {
        const read = masked(b, x, dy);
        return [read, b.reduceSum(masked(b, read, dy), [2])];
      },
      ['Scan', 'Scan', 'ReduceSum'],
    ],
  ])('%s, with the same bits', async (_, emit, operators) => {
    expect(written(emit, true).operators).toEqual(operators);
    const [expected, found] = [await results(emit, false), await results(emit, true)];
    for (const [i, { dims, data }] of found.entries()) {
      expect(dims).toEqual(expected[i].dims);
      expect(Buffer.compare(bytesOf(data), bytesOf(expected[i].data))).toBe(0);
    }
  });

  it.each<[string, Emit]>([
    ['small maps', (b, { small }) => [masked(b, small, b.exp(small))]],
    ['a batch whose size is known', (b, { fixed }) => [masked(b, fixed, b.exp(fixed))]],
    ['a single node', (b, { x }) => [b.exp(x)]],
    ['nodes whose results are all read elsewhere', (b, { x }) => [b.exp(x), b.neg(b.exp(x))]],
    ['a map as an operand of one that is larger', (b, { x, ofSample }) => [b.mul(x, b.exp(ofSample))]],
  ])('but not for %s', (_, emit) => {
    expect(written(emit, true).operators).toEqual(written(emit, false).operators);
  });
});
