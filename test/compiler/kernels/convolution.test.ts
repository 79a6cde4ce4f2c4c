import { describe, expect, it } from 'vitest';
import { convInputGradient, convWeightGradient } from '../../../src/compiler/autodiff/adjoint.ts';
import type { GraphBuilder, Shape, Value } from '../../../src/onnx/index.ts';
import { candidates, deviation, lowered, random, run } from './harness.ts';
import { type ConvolutionCase, inputGradient, outputShape, weightGradient } from './reference.ts';

type Row = readonly [x: readonly number[], w: readonly number[], attributes?: Partial<ConvolutionCase>];

/** The shape of x without its batch, the shape of w, and attributes that differ from the defaults. */
const TABLE: readonly Row[] = [
  [[4, 7, 6], [5, 4, 3, 3], { pads: [1, 1, 1, 1] }],
  [
    [4, 7, 6],
    [5, 4, 3, 3],
  ],
  [
    [3, 7, 6],
    [4, 3, 1, 1],
  ],
  [[3, 7, 6], [4, 3, 1, 1], { strides: [2, 2] }],
  [[3, 6, 8], [4, 3, 1, 1], { strides: [3, 2] }],
  [[3, 5, 5], [4, 3, 1, 1], { pads: [1, 0, 2, 1] }],
  [[3, 6, 6], [4, 3, 2, 2], { pads: [0, 0, 1, 1] }],
  [[2, 8, 8], [3, 2, 5, 5], { pads: [2, 2, 2, 2] }],
  [[3, 12, 11], [4, 3, 7, 7], { strides: [2, 2], pads: [3, 3, 3, 3] }],
  [[4, 8, 8], [6, 4, 3, 3], { strides: [2, 2], pads: [1, 1, 1, 1] }],
  [[4, 9, 7], [6, 4, 3, 3], { strides: [2, 2], pads: [1, 1, 1, 1] }],
  [[4, 8, 8], [6, 4, 3, 3], { strides: [2, 2], pads: [0, 0, 1, 1] }],
  [[4, 10, 9], [6, 4, 3, 3], { strides: [3, 2], pads: [1, 0, 2, 1] }],
  [[2, 11, 11], [3, 2, 5, 5], { strides: [3, 3], pads: [2, 2, 2, 2] }],
  [[2, 9, 9], [3, 2, 2, 2], { strides: [3, 3], pads: [0, 1, 1, 0] }],
  [[2, 9, 8], [3, 2, 3, 3], { dilations: [2, 2], pads: [2, 2, 2, 2] }],
  [[2, 11, 11], [3, 2, 3, 3], { dilations: [2, 3], strides: [2, 2], pads: [2, 3, 2, 3] }],
  [[2, 6, 6], [3, 2, 2, 2], { pads: [3, 2, 2, 3] }],
  // Fewer filters than channels: the gradient uses columns if no pad is wider than the window.
  [[6, 7, 8], [2, 6, 3, 3], { pads: [1, 1, 1, 1] }],
  [[5, 9, 8], [3, 5, 3, 2], { pads: [0, 1, 2, 0], dilations: [2, 1] }],
  [[4, 30, 29], [2, 4, 3, 3], { pads: [1, 0, 1, 2] }],
  [[4, 5, 6], [2, 4, 3, 3], { pads: [3, 1, 1, 1] }],
  [[8, 6, 6], [12, 2, 3, 3], { group: 4, pads: [1, 1, 1, 1] }],
  [[8, 7, 8], [12, 2, 3, 3], { group: 4, strides: [2, 2], pads: [1, 1, 1, 1] }],
  [[8, 5, 5], [4, 4, 1, 1], { group: 2 }],
  [[8, 5, 5], [4, 4, 1, 1], { group: 2, strides: [2, 2] }],
  [[6, 7, 6], [6, 1, 3, 3], { group: 6, pads: [1, 1, 1, 1] }],
  [[6, 8, 8], [6, 1, 3, 3], { group: 6, strides: [2, 2], pads: [1, 1, 1, 1] }],
  [[6, 9, 7], [6, 1, 3, 3], { group: 6, strides: [2, 2], pads: [0, 0, 1, 1] }],
  [[6, 9, 9], [6, 1, 5, 5], { group: 6, pads: [2, 2, 2, 2] }],
  [[6, 10, 9], [6, 1, 5, 5], { group: 6, strides: [2, 2], pads: [1, 2, 2, 1] }],
  [[6, 9, 9], [6, 1, 3, 3], { group: 6, dilations: [2, 2], pads: [2, 2, 2, 2] }],
  [[4, 6, 6], [8, 1, 3, 3], { group: 4, pads: [1, 1, 1, 1] }],
  [[4, 40, 40], [3, 4, 3, 3], { pads: [1, 1, 1, 1] }],
  [[3, 9], [4, 3, 3], { pads: [1, 1] }],
  [[3, 10], [4, 3, 3], { strides: [2], pads: [1, 0] }],
  [[6, 12], [6, 1, 5], { group: 6, strides: [3], pads: [2, 2] }],
  [[2, 5, 6, 4], [3, 2, 3, 3, 2], { pads: [1, 1, 0, 1, 1, 1] }],
  [[2, 5, 6, 7], [3, 2, 3, 3, 3], { strides: [2, 1, 2], pads: [1, 1, 1, 1, 1, 1] }],
  [[4, 6, 5, 6], [4, 1, 3, 3, 3], { group: 4, strides: [2, 3, 2], pads: [1, 1, 1, 1, 1, 1] }],
];

const complete = ([x, w, attributes]: Row, batch: number): ConvolutionCase => {
  const axes = w.slice(2);
  return {
    x: [batch, ...x],
    w,
    group: 1,
    strides: axes.map(() => 1),
    dilations: axes.map(() => 1),
    pads: axes.flatMap(() => [0, 0]),
    ...attributes,
  };
};

const title = ([x, w, attributes]: Row) => `[N,${x}] * [${w}] ${JSON.stringify(attributes ?? {})}`;
const symbolic = (shape: readonly number[]): Shape => ['batch', ...shape.slice(1)];

type Emit = (b: GraphBuilder, values: readonly Value[], c: ConvolutionCase) => Value;

const ADJOINTS: Readonly<Record<string, Emit>> = {
  ConvInputGradient: (b, [x, dy, w], c) => convInputGradient(b, dy, w, x, c),
  ConvWeightGradient: (b, [x, dy, w], c) => convWeightGradient(b, x, dy, w, c),
};

describe.each(Object.keys(ADJOINTS))('%s', (adjoint) => {
  const emit = ADJOINTS[adjoint];
  it.each(TABLE.map((row) => [title(row), row] as const))('%s', async (_, row) => {
    const c = complete(row, 1);
    const shapes = { x: symbolic(c.x), dy: symbolic(outputShape(c)), w: c.w };
    const names = candidates((b) =>
      emit(
        b,
        Object.entries(shapes).map(([name, shape]) => b.input(name, 'float32', shape)),
        c,
      ),
    );
    expect(new Set(names).size).toBe(names.length);
    for (const name of names) {
      const session = await lowered(shapes, (b, values) => emit(b, values, c), name);
      for (const batch of [1, 3]) {
        const sized = complete(row, batch);
        const [x, dy, w] = [random(1, sized.x), random(2, outputShape(sized)), random(3, sized.w)];
        const actual = await run(session, { x, dy, w });
        const input = adjoint === 'ConvInputGradient';
        expect(actual.shape, name).toEqual(input ? sized.x : sized.w);
        const expected = input ? inputGradient(sized, dy, w) : weightGradient(sized, x, dy);
        expect(deviation(actual, expected), `${name}, batch ${batch}`).toBeLessThan(1e-5);
      }
      await session.release();
    }
  });
});
