import { describe, expect, it } from 'vitest';
import { averagePoolGradient, channelSum, maxPoolGradient } from '../../../src/compiler/autodiff/adjoint.ts';
import { type GraphBuilder, pooledShape, type Shape, type Value } from '../../../src/onnx/index.ts';
import { candidates, deviation, lowered, random, run } from './harness.ts';
import * as reference from './reference.ts';

type Row = readonly [x: readonly number[], kernel: readonly number[], attributes?: Partial<reference.PoolingCase>];

const TABLE: readonly Row[] = [
  [[3, 8, 6], [2, 2], { strides: [2, 2] }],
  [[3, 9, 7], [2, 2], { strides: [2, 2] }],
  [[3, 9, 7], [2, 2], { strides: [2, 2], ceil_mode: 1 }],
  [[3, 8, 8], [3, 3], { strides: [2, 2], pads: [1, 1, 1, 1] }],
  [[3, 9, 8], [3, 3], { strides: [2, 2], ceil_mode: 1 }],
  [[3, 9, 8], [3, 3], { strides: [2, 2], pads: [0, 0, 1, 1], ceil_mode: 1 }],
  [[2, 7, 7], [3, 3], { pads: [1, 1, 1, 1] }],
  [[2, 7, 7], [5, 5], { pads: [2, 2, 2, 2] }],
  [[2, 8, 8], [2, 2], { strides: [3, 3] }],
  [
    [2, 7, 7],
    [7, 7],
  ],
  [[2, 7, 6], [7, 6], { strides: [7, 6] }],
  [[2, 9, 10], [3, 2], { strides: [1, 2], pads: [1, 0, 0, 1] }],
  [[3, 10], [3], { strides: [2], pads: [1, 1] }],
  [[3, 10], [2], { strides: [2] }],
  [[2, 6, 6, 6], [2, 2, 2], { strides: [2, 2, 2] }],
  [[2, 5, 6, 7], [3, 3, 3], { strides: [2, 2, 1], pads: [1, 1, 1, 1, 1, 1] }],
];

const complete = ([, kernel, attributes]: Row): reference.PoolingCase => ({
  kernel,
  strides: kernel.map(() => 1),
  dilations: kernel.map(() => 1),
  pads: kernel.flatMap(() => [0, 0]),
  ...attributes,
});

const title = ([x, kernel, attributes]: Row) => `[N,${x}] ${kernel} ${JSON.stringify(attributes ?? {})}`;

async function check(
  shapes: Readonly<Record<string, Shape>>,
  emit: (b: GraphBuilder, values: readonly Value[]) => Value,
  feeds: (batch: number) => Parameters<typeof run>[1],
  expected: (feeds: Parameters<typeof run>[1]) => Float64Array,
) {
  const declare = (b: GraphBuilder) => Object.entries(shapes).map(([name, shape]) => b.input(name, 'float32', shape));
  for (const name of candidates((b) => emit(b, declare(b)))) {
    const session = await lowered(shapes, emit, name);
    for (const batch of [1, 3]) {
      const given = feeds(batch);
      expect(deviation(await run(session, given), expected(given)), `${name}, batch ${batch}`).toBeLessThan(1e-5);
    }
    await session.release();
  }
}

describe('MaxPoolGradient', () => {
  it.each(TABLE.map((row) => [title(row), row] as const))('%s', async (_, row) => {
    const c = complete(row);
    const out = pooledShape(row[0].slice(1), c.kernel, c);
    const shapes = { dy: ['batch', row[0][0], ...out], x: ['batch', ...row[0]], y: ['batch', row[0][0], ...out] };
    await check(
      shapes,
      (b, [dy, x, y]) => maxPoolGradient(b, dy, x, y, { ...c, kernel_shape: c.kernel }),
      (batch) => {
        const x = random(1, [batch, ...row[0]]);
        // Few distinct values, so many windows have several maxima.
        const ties = Float32Array.from(x.data as Float32Array, (v) => Math.max(0, Math.round(2 * v)));
        return { x: { ...x, data: ties }, dy: random(2, [batch, row[0][0], ...out]) };
      },
      ({ x, dy }) => reference.maxPoolGradient(c, dy, x),
    );
  });
});

describe.each([0, 1])('AveragePoolGradient, count_include_pad %i', (count_include_pad) => {
  it.each(TABLE.map((row) => [title(row), row] as const))('%s', async (_, row) => {
    const c = { ...complete(row), count_include_pad };
    const out = pooledShape(row[0].slice(1), c.kernel, c);
    const shapes = { dy: ['batch', row[0][0], ...out], x: ['batch', ...row[0]] };
    await check(
      shapes,
      (b, [dy, x]) => averagePoolGradient(b, dy, x, { ...c, kernel_shape: c.kernel, count_include_pad }),
      (batch) => ({ dy: random(2, [batch, row[0][0], ...out]) }),
      ({ dy }) => reference.averagePoolGradient(c, dy, [dy.shape[0], ...row[0]]),
    );
  });
});

describe('ChannelSum', () => {
  it.each([[[3, 5, 6]], [[4, 40, 30]], [[3, 7]], [[2, 3, 4, 5]], [[6]]])('[N,%j]', async (shape) => {
    await check(
      { dy: ['batch', ...shape] },
      (b, [dy]) => channelSum(b, dy),
      (batch) => ({ dy: random(3, [batch, ...shape]) }),
      ({ dy }) => {
        const sums = new Float64Array(shape[0]);
        for (const [at, index] of [...reference.indices(dy.shape)].entries()) sums[index[1]] += Number(dy.data[at]);
        return sums;
      },
    );
  });
});
