import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readModel, writeModel } from '../../src/onnx/index.ts';
import { nodeRuntime } from '../../src/runtime/node/sessions.ts';
import { webRuntime } from '../../src/runtime/web/sessions.ts';
import { type NodeLine, smallModel, tensor } from '../small-models.ts';

const CHANNELS = 64;
const [LEAST, GREATEST, BRIGHTEST] = [-128, 127, 255];
/** Sums over all channels at the ends of the range: for the output with weights 127, and for the one with weights -128. */
const EXACT = [CHANNELS * BRIGHTEST * GREATEST, CHANNELS * BRIGHTEST * LEAST];
/** The same sums if pairs of products saturate in 16 bits, as in kernels without VNNI. */
const SATURATED = [(CHANNELS / 2) * (2 ** 15 - 1), (CHANNELS / 2) * -(2 ** 15)];
/** One step of the output's int8 scale; covers any remainder. */
const STEP = (CHANNELS * BRIGHTEST * 128) / 127;

const conv = [1, CHANNELS, 1, 1];
const matrix = [1, CHANNELS];

/** A layer in the QDQ format: uint8 activations, int8 weights, and an output rounded to int8. */
const qdq = (op: 'Conv' | 'MatMul') => {
  const shape = op === 'Conv' ? [2, CHANNELS, 1, 1] : [CHANNELS, 2];
  const output = (i: number) => (op === 'Conv' ? Math.floor(i / CHANNELS) : i % 2);
  const nodes: NodeLine[] = [
    ['QuantizeLinear', ['x', 'one', 'zero'], ['x_q']],
    ['DequantizeLinear', ['x_q', 'one', 'zero'], ['x_dq']],
    ['DequantizeLinear', ['w', 'one', 'w_zero'], ['w_dq']],
    [op, ['x_dq', 'w_dq'], ['sum']],
    ['QuantizeLinear', ['sum', 'step', 'y_zero'], ['y_q']],
    ['DequantizeLinear', ['y_q', 'step', 'y_zero'], ['y']],
  ];
  return smallModel({
    inputs: { x: op === 'Conv' ? conv : matrix },
    outputs: { y: op === 'Conv' ? [1, 2, 1, 1] : [1, 2] },
    initializers: {
      one: tensor('float32', [], () => 1),
      zero: tensor('uint8', [], () => 0),
      w: tensor('int8', shape, (i) => (output(i) === 0 ? GREATEST : LEAST)),
      w_zero: tensor('int8', [], () => 0),
      step: tensor('float32', [], () => STEP),
      y_zero: tensor('int8', [], () => 0),
    },
    nodes,
  });
};

/** A layer with integer weights in the file. */
const integer = () =>
  smallModel({
    inputs: { x: matrix },
    outputs: { y: [1, 2] },
    initializers: {
      one: tensor('float32', [], () => 1),
      zero: tensor('uint8', [], () => 0),
      w: tensor('int8', [CHANNELS, 2], (i) => (i % 2 === 0 ? GREATEST : LEAST)),
    },
    nodes: [
      ['QuantizeLinear', ['x', 'one', 'zero'], ['x_q']],
      ['MatMulInteger', ['x_q', 'w'], ['sum']],
      ['Cast', ['sum'], ['y'], { to: 1 }],
    ],
  });

const CASES = [
  ['Conv', conv, qdq('Conv')],
  ['MatMul', matrix, qdq('MatMul')],
  ['MatMulInteger', matrix, integer()],
] as const;

const bright = (shape: readonly number[]) => ({ x: tensor('float32', shape, () => BRIGHTEST) });

describe.each([
  ['Node', () => nodeRuntime()],
  ['WebAssembly', () => webRuntime({ device: 'wasm', threads: 1, library: () => import('onnxruntime-web') })],
])('in %s', (_, runtime) => {
  test.each(CASES)('weights at the ends of their range do not saturate: %s', async (op, shape, model) => {
    const session = await runtime().load(writeModel(model));
    const { y } = await session.run(bright(shape));
    await session.release();
    const exact = op === 'MatMulInteger' ? EXACT : EXACT.map((sum) => Math.fround(STEP) * Math.round(sum / STEP));
    for (const [i, value] of [...(y.data as Float32Array)].entries()) {
      expect(Math.abs(value - exact[i])).toBeLessThan(1);
      expect(Math.abs(value - SATURATED[i])).toBeGreaterThan(STEP);
    }
  });
});

describe('without fusion into integer kernels', () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'thaw-kernels-'));
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  const optimized = async (op: 'Conv' | 'MatMul', integerKernels?: boolean) => {
    const file = join(folder, `${op} ${integerKernels}.onnx`);
    const runtime = nodeRuntime('cpu', { optimizedModelFilePath: file });
    await (await runtime.load(writeModel(qdq(op)), { integerKernels })).release();
    const { graph } = readModel(readFileSync(file));
    return graph.nodes.map((node) => node.op);
  };
  const isInteger = (op: string) => /QLinear|Integer|QGemm/.test(op);

  test.each(['Conv', 'MatMul'] as const)('%s', async (op) => {
    expect((await optimized(op)).filter(isInteger)).toEqual([]);
    expect((await optimized(op, true)).filter(isInteger)).not.toEqual([]);
  });
});
