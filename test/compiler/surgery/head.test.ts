import { describe, expect, test } from 'vitest';
import { findHead, type Head, replaceHead } from '../../../src/compiler/surgery/index.ts';
import { ThawError } from '../../../src/errors.ts';
import {
  bytesOf,
  type Model,
  narrowed,
  numbersOf,
  readModel,
  type Tensor,
  tensor,
  writeModel,
} from '../../../src/onnx/index.ts';
import { nodeRuntime } from '../../../src/runtime/node/sessions.ts';
import { scoresOf } from '../../../src/session/index.ts';
import { loadNetwork } from '../../reference.ts';
import { ints, type NodeLine, type SmallModel, smallModel, weights } from '../../small-models.ts';

const features = 6;
const old = 4;

/** Six features, a first layer and a head. */
const withHead = (
  nodes: readonly NodeLine[],
  initializers: SmallModel['initializers'],
  outputs?: SmallModel['outputs'],
) =>
  smallModel({
    inputs: { x: ['N', features] },
    outputs: outputs ?? { y: ['N', old] },
    initializers: { first: weights([features, features], 7), ...initializers },
    nodes: [['MatMul', ['x', 'first'], ['hidden']], ['Relu', ['hidden'], ['h']], ...nodes],
  });

const gemm = withHead([['Gemm', ['h', 'w', 'b'], ['y'], { transB: 1 }]], {
  w: weights([old, features]),
  b: weights([old]),
});
const softmax = withHead(
  [
    ['Gemm', ['h', 'w', 'b'], ['scores']],
    ['Softmax', ['scores'], ['y']],
  ],
  { w: weights([features, old]), b: weights([old]) },
);
const matmul = withHead(
  [
    ['MatMul', ['h', 'w'], ['product'], {}, 'fc/MatMul'],
    ['Add', ['b', 'product'], ['y'], {}, 'fc/Add'],
  ],
  { w: weights([features, old]), b: weights([old]) },
);
const plain = withHead([['MatMul', ['h', 'w'], ['y']]], { w: weights([features, old]) });
const turned = withHead(
  [
    ['Transpose', ['w'], ['wt'], { perm: [1, 0] }],
    ['MatMul', ['h', 'wt'], ['y']],
  ],
  { w: weights([old, features]) },
);
const conv = withHead(
  [
    ['Reshape', ['h', 'map'], ['maps']],
    ['Conv', ['maps', 'w', 'b'], ['scores']],
    ['Reshape', ['scores', 'flat'], ['logits']],
    ['Softmax', ['logits'], ['y']],
  ],
  { w: weights([old, features, 1, 1]), b: weights([old]), map: ints(-1, features, 1, 1), flat: ints(-1, old) },
);

const runtime = nodeRuntime();

async function outputs(model: Model, x: Tensor): Promise<Record<string, Tensor>> {
  const session = await runtime.load(writeModel(model));
  try {
    return await session.run({ x });
  } finally {
    await session.release();
  }
}

const described: [string, Model, Partial<Head>][] = [
  ['Gemm', gemm, { kind: 'gemm', weight: 'w', bias: 'b', classesFirst: true, tail: [] }],
  ['Gemm and Softmax', softmax, { kind: 'gemm', classesFirst: false, tail: ['Softmax'], output: 'scores' }],
  [
    'MatMul and Add',
    matmul,
    { kind: 'matmul', nodes: ['fc/MatMul', 'fc/Add'], bias: 'b', classesFirst: false, output: 'y' },
  ],
  ['MatMul', plain, { kind: 'matmul', bias: undefined, classesFirst: false }],
  ['MatMul of a transposed weight', turned, { kind: 'matmul', weight: 'w', classesFirst: true }],
  [
    '1x1 Conv, Reshape and Softmax',
    conv,
    { kind: 'conv', tail: ['Reshape', 'Softmax'], input: 'maps', output: 'scores' },
  ],
];

describe.each(described)('%s', (_, model, expected) => {
  test('is found', () => {
    expect(findHead(model)).toMatchObject({ features, classes: old, graphOutput: 'y', ...expected });
  });

  test('is replaced by a head that outputs logits of the new classes', async () => {
    const classes = 3;
    const head = findHead(model);
    const { model: replaced, parameters } = replaceHead(model, head, { classes, seed: 5 });
    const x = weights([2, features], 3);
    const { y } = await outputs(replaced, x);
    expect(y.shape).toEqual([2, classes]);
    expect(replaced.graph.outputs).toEqual([{ name: 'y', type: 'float32', shape: ['N', classes] }]);
    expect(parameters).toEqual(head.bias ? ['w', 'b'] : ['w']);

    const numbers = (name: string) => numbersOf(replaced.graph.initializers.get(name)!);
    const [w, b] = [numbers('w'), head.bias ? numbers('b') : Array<number>(classes).fill(0)];
    const hidden = await outputs({ ...model, graph: { ...model.graph, outputs: [{ name: 'h' }] } }, x);
    const h = numbersOf(hidden.h);
    for (let n = 0; n < 2; n++)
      for (let c = 0; c < classes; c++) {
        let logit = b[c];
        for (let f = 0; f < features; f++)
          logit += h[n * features + f] * w[head.classesFirst ? c * features + f : f * classes + c];
        expect(numbersOf(y)[n * classes + c]).toBeCloseTo(logit, 5);
      }
  });

  test('keeps the rows of kept classes: their logits have the same bits at any position', async () => {
    const head = findHead(model);
    const rows = [undefined, 3, 0, undefined, 1];
    const { model: replaced } = replaceHead(model, head, { classes: rows.length, seed: 5, rows });
    const x = weights([3, features], 3);
    const before = await outputs({ ...model, graph: { ...model.graph, outputs: [{ name: scoresOf(model, 'y') }] } }, x);
    const { y } = await outputs(replaced, x);
    const [was, is] = [Object.values(before)[0], y].map((scores) => numbersOf(scores));
    for (let n = 0; n < 3; n++)
      for (const [c, row] of rows.entries()) {
        if (row !== undefined) expect(is[n * rows.length + c]).toBe(was[n * old + row]);
      }
  });

  test('leaves operators, other weights and the given model unchanged', () => {
    const before = writeModel(model);
    const { model: replaced } = replaceHead(model, findHead(model), { classes: 9, seed: 1 });
    expect(writeModel(model)).toEqual(before);
    const operators = ({ graph }: Model) => graph.nodes.map(({ op }) => op);
    expect(operators(replaced)).toEqual(operators(model).filter((op) => op !== 'Softmax'));
    expect(bytesOf(replaced.graph.initializers.get('first')!)).toEqual(bytesOf(model.graph.initializers.get('first')!));
  });
});

test('loses the shapes declared for the old weights, and others stay', () => {
  const valueInfo = [
    { name: 'w', type: 'float32', shape: [old, features] },
    { name: 'b', type: 'float32', shape: [old] },
    { name: 'h', type: 'float32', shape: ['N', features] },
  ] as const;
  const declared = { ...gemm, graph: { ...gemm.graph, valueInfo: [...valueInfo] } };
  const { model } = replaceHead(declared, findHead(declared), { classes: 3, seed: 0 });
  expect(model.graph.valueInfo.map(({ name }) => name)).toEqual(['h']);
});

test.each(['float16', 'bfloat16'] as const)('rows keep their bits in %s', (type) => {
  const initializers = { w: narrowed(weights([old, features]), type), b: narrowed(weights([old]), type) };
  const half = withHead([['Gemm', ['h', 'w', 'b'], ['y'], { transB: 1 }]], initializers);
  const { model } = replaceHead(half, findHead(half), { classes: 2, seed: 1, rows: [undefined, 2] });
  const row = (tensor: Tensor, at: number) => [...bytesOf(tensor).subarray(at * 2 * features, (at + 1) * 2 * features)];
  expect(row(model.graph.initializers.get('w')!, 1)).toEqual(row(initializers.w, 2));
});

test('rows of new classes have a root mean square of at most that of the kept rows', () => {
  const small = withHead([['Gemm', ['h', 'w', 'b'], ['y'], { transB: 1 }]], {
    w: tensor(
      'float32',
      [old, features],
      Float32Array.from({ length: old * features }, (_, i) => (i % 2 ? 0.01 : -0.01)),
    ),
    b: weights([old]),
  });
  const { model } = replaceHead(small, findHead(small), { classes: 400, seed: 1, rows: [0, 1] });
  const drawn = numbersOf(model.graph.initializers.get('w')!).slice(2 * features);
  const rms = Math.sqrt(drawn.reduce((all, w) => all + w * w, 0) / drawn.length);
  expect(rms).toBeGreaterThan(0.0095);
  expect(rms).toBeLessThan(0.0105);
});

test('weights are drawn as in PyTorch, and depend on the seed alone', () => {
  const draw = (seed: number) => replaceHead(gemm, findHead(gemm), { classes: 500, seed }).model.graph.initializers;
  const [w, b] = ['w', 'b'].map((name) => numbersOf(draw(1).get(name)!));
  const bound = 1 / Math.sqrt(features);
  for (const values of [w, b]) {
    expect(Math.max(...values.map(Math.abs))).toBeLessThanOrEqual(bound);
    expect(Math.max(...values)).toBeGreaterThan(0.95 * bound);
    expect(Math.min(...values)).toBeLessThan(-0.95 * bound);
    expect(Math.abs(values.reduce((all, v) => all + v, 0) / values.length)).toBeLessThan(0.1 * bound);
  }
  expect(numbersOf(draw(1).get('w')!)).toEqual(w);
  expect(numbersOf(draw(2).get('w')!)).not.toEqual(w);
});

test('scores and their Softmax both stay if both are outputs', async () => {
  const both = withHead(
    [
      ['Gemm', ['h', 'w', 'b'], ['scores']],
      ['Softmax', ['scores'], ['y']],
    ],
    { w: weights([features, old]), b: weights([old]) },
    { y: ['N', old], scores: ['N', old] },
  );
  const { model } = replaceHead(both, findHead(both), { classes: 3, seed: 1 });
  const results = await outputs(model, weights([1, features]));
  expect(results.y.shape).toEqual([1, 3]);
  expect(results.y.data).toEqual(results.scores.data);
});

test('the head of SqueezeNet is a convolution, then Relu and pooling', async () => {
  const { model, runs } = loadNetwork('squeezenet1_1-folded');
  const source = readModel(model);
  const head = findHead(source);
  expect(head).toMatchObject({ kind: 'conv', weight: 'classifier.1.weight', features: 512 });
  const replaced = replaceHead(source, head, { classes: 3, seed: 1 }).model;
  const session = await runtime.load(writeModel(replaced));
  const { logits } = await session.run(runs[0].inputs);
  await session.release();
  expect(logits.shape).toEqual([runs[0].labels.shape[0], 3]);
});

describe('a head named by the user', () => {
  const deep = withHead(
    [
      ['Gemm', ['h', 'w', 'b'], ['mid'], {}, 'classifier/Gemm'],
      ['Gemm', ['mid', 'w2', 'b2'], ['y'], {}, 'extra/Gemm'],
    ],
    { w: weights([features, old]), b: weights([old]), w2: weights([old, 2]), b2: weights([2]) },
  );

  test.each(['classifier/Gemm', 'w', 'b', 'mid'])('is found and replaced, by %s', async (name) => {
    const head = findHead(deep, { name });
    expect(head).toMatchObject({ nodes: ['classifier/Gemm'], features, classes: old, tail: ['Gemm'] });
    const { model } = replaceHead(deep, head, { classes: 3, seed: 1 });
    // The nodes after it served the old classes.
    expect(model.graph.nodes.map(({ op }) => op)).toEqual(['MatMul', 'Relu', 'Gemm']);
    expect([...model.graph.initializers.keys()]).toEqual(['first', 'w', 'b']);
    expect((await outputs(model, weights([1, features]))).y.shape).toEqual([1, 3]);
  });

  test('is an error if no node or value has its name', () => {
    const error = caught(() => findHead(deep, { name: 'fc' }));
    expect(error.line).toMatch(/"fc".*extra\/Gemm, classifier\/Gemm/);
  });
});

test('an error about a missing classifier lists the possible layers', () => {
  const none = withHead([['TopK', ['h', 'k'], ['y', 'i']]], { k: ints(2) });
  expect(caught(() => findHead(none)).line).toMatch(/no classifier.*MatMul\/hidden/);
});

test('a weight that another layer shares is not replaced', () => {
  const tied = withHead(
    [
      ['MatMul', ['h', 'w'], ['again']],
      ['MatMul', ['again', 'w'], ['y']],
    ],
    { w: weights([features, features]) },
  );
  expect(caught(() => replaceHead(tied, findHead(tied), { classes: 3, seed: 1 })).line).toMatch(
    /shared with other layers/,
  );
});

function caught(f: () => unknown): ThawError {
  try {
    f();
  } catch (error) {
    if (error instanceof ThawError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}
