import { expect, it } from 'vitest';
import { placeWinograd } from '../../../src/compiler/kernels/index.ts';
import { GraphBuilder, type Tensor, writeModel } from '../../../src/onnx/index.ts';
import { nodeRuntime } from '../../../src/runtime/node/sessions.ts';
import { weights } from '../../small-models.ts';

const runtime = nodeRuntime('cpu', { intraOpNumThreads: 1 });

interface Layer {
  readonly filters?: number;
  readonly channels?: number;
  readonly kernel?: readonly [number, number];
  readonly strides?: readonly [number, number];
  readonly group?: number;
}

/** Relu(conv(x, w) + y) with constant weights. */
function graphOf({ filters = 144, channels = 128, kernel = [3, 3], strides = [1, 1], group = 1 }: Layer) {
  const b = new GraphBuilder();
  const x = b.input('x', 'float32', ['N', channels, 15, 14]);
  b.initializer('w', weights([filters, channels / group, ...kernel], 1));
  b.initializer('bias', weights([filters], 2));
  const y = b.conv(x, b.value('w'), b.value('bias'), { strides: [...strides], pads: [1, 1, 1, 1], group });
  const result = b.identity(b.unary('Relu', b.add(y, b.mul(y, 0.5))), 'result');
  return { b, x, result };
}

async function compute(layer: Layer, rewritten: boolean): Promise<{ ops: string[]; result: Tensor }> {
  const { b, x, result } = graphOf(layer);
  if (rewritten) placeWinograd(b);
  const opsets = { '': 18 };
  const graph = b.graph('test', [x], [result]);
  const session = await runtime.load(
    writeModel({ irVersion: 9, opsets, producerName: '', producerVersion: '', graph, metadata: {} }),
  );
  const found = await session.run({ x: weights([3, ...x.shape.slice(1).map(Number)], 3) });
  await session.release();
  return { ops: b.nodes.map(({ op }) => op), result: found.result };
}

it('a convolution with a constant filter of 3x3 becomes products with the same result', async () => {
  const [plain, rewritten] = [await compute({}, false), await compute({}, true)];
  expect(rewritten.ops.filter((op) => op === 'MatMul')).toHaveLength(4);
  expect(rewritten.result.shape).toEqual(plain.result.shape);
  const [expected, actual] = [plain, rewritten].map(({ result }) => Array.from(result.data as Float32Array));
  const largest = Math.max(...expected.map(Math.abs));
  expect(largest).toBeGreaterThan(0);
  expect(Math.max(...expected.map((value, i) => Math.abs(value - actual[i]))) / largest).toBeLessThan(2e-5);
});

it.each<[string, Layer]>([
  ['few channels', { channels: 64 }],
  ['strides', { strides: [2, 2] }],
  ['another kernel', { kernel: [5, 3] }],
  ['groups', { filters: 256, channels: 256, group: 2 }],
  ['filters that would take too much memory', { filters: 1024, channels: 1024 }],
])('but not with %s', (_, layer) => {
  const { b } = graphOf(layer);
  placeWinograd(b);
  expect(b.nodes.map(({ op }) => op)).not.toContain('MatMul');
});
