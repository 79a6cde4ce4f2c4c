import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { inferShapes } from '../../../src/compiler/shapes/index.ts';
import { PLAN_DEFAULTS, type TrainingPlan, trainingModel } from '../../../src/compiler/step/index.ts';
import {
  type Adapter,
  adapterNames,
  findHead,
  groupsOf,
  type LoraOptions,
  mergeAdapters,
  placeAdapters,
} from '../../../src/compiler/surgery/index.ts';
import { float, type Model, type Tensor, tensor, writeModel } from '../../../src/onnx/index.ts';
import { nodeRuntime } from '../../../src/runtime/node/sessions.ts';
import { classification } from '../../../src/tasks/index.ts';
import { CompiledStage, withState } from '../../../src/training/index.ts';
import { smallModel, weights } from '../../small-models.ts';

interface Pinned {
  readonly shape: number[];
  readonly values: number[];
}

interface Case {
  readonly name: string;
  readonly groups: number;
  readonly rank: number;
  readonly alpha: number;
  readonly lr: number;
  readonly initial: Record<string, Pinned>;
  readonly adapters: Record<string, Pinned>;
  readonly steps: {
    readonly shape: number[];
    readonly input: number[];
    readonly labels: number[];
    readonly loss: number;
    readonly logits: number[];
    readonly gradients: Record<string, number[]>;
  }[];
  readonly final: Record<string, number[]>;
  readonly merged: Record<string, number[]>;
  readonly after: number[];
}

const { cases }: { readonly cases: readonly Case[] } = JSON.parse(
  readFileSync(new URL('../../fixtures/lora.json', import.meta.url), 'utf8'),
);

const runtime = nodeRuntime('cpu', { intraOpNumThreads: 1 });
const HEAD = ['head.weight', 'head.bias'];

/** Transposes a matrix in PyTorch's order, for a weight stored as [inputs, outputs]. */
function transposed(values: readonly number[], [rows, columns]: readonly number[]): number[] {
  return Array.from({ length: values.length }, (_, i) => values[(i % rows) * columns + Math.floor(i / rows)]);
}

const floats = (shape: readonly number[], values: readonly number[]) =>
  tensor('float32', shape, Float32Array.from(values));

/**
 * `token` is stored as [inputs, outputs], as exporters store a `Linear` with three axes; the others are stored as in
 * PyTorch.
 */
function stored(name: string, { shape, values }: Pinned): Tensor {
  if (!name.startsWith('token')) return floats(shape, values);
  return floats([...shape].reverse(), transposed(values, shape));
}

function modelOf({ initial, groups }: Case): Model {
  const dilated = { pads: new Array(4).fill(groups), dilations: [groups, groups], group: groups };
  return smallModel({
    opset: 18,
    inputs: { x: ['N', 3, 9, 7] },
    outputs: { logits: ['N', 3] },
    initializers: {
      ...Object.fromEntries(Object.entries(initial).map(([name, pinned]) => [name, stored(name, pinned)])),
      tokens: tensor('int64', [3], BigInt64Array.of(0n, 10n, -1n)),
      one: tensor('int64', [1], BigInt64Array.of(1n)),
    },
    nodes: [
      ['Conv', ['x', 'stem.weight', 'stem.bias'], ['s'], { pads: [1, 1, 1, 1], strides: [2, 2] }, '/stem/Conv'],
      ['Tanh', ['s'], ['st']],
      ['Conv', ['st', 'mix.weight'], ['m'], dilated, '/mix/Conv'],
      ['Tanh', ['m'], ['mt']],
      ['Conv', ['mt', 'point.weight', 'point.bias'], ['p'], {}, '/point/Conv'],
      ['Tanh', ['p'], ['pt']],
      ['Reshape', ['pt', 'tokens'], ['flat']],
      ['Transpose', ['flat'], ['t'], { perm: [0, 2, 1] }],
      ['MatMul', ['t', 'token.weight'], ['k'], {}, '/token/MatMul'],
      ['Tanh', ['k'], ['kt']],
      ['ReduceMean', ['kt', 'one'], ['mean'], { keepdims: 0 }],
      ['Gemm', ['mean', 'neck.weight', 'neck.bias'], ['n'], { transB: 1 }, '/neck/Gemm'],
      ['Tanh', ['n'], ['nt']],
      ['Gemm', ['nt', 'head.weight', 'head.bias'], ['logits'], { transB: 1 }, '/head/Gemm'],
    ],
  });
}

/** `token.lora_A` → `token.weight.lora_A` */
const ours = (name: string) => name.replace('.lora', '.weight.lora');

async function adaptedOf(reference: Case, within: boolean) {
  const { rank, alpha } = reference;
  const plain = await inferShapes(modelOf(reference), runtime);
  const head = findHead(plain.model);
  const options = { rank, alpha, targets: 'all', seed: 0, goesWithin: () => within };
  const adapted = placeAdapters(plain, groupsOf(plain.model, head), head, options);
  const start = Object.entries(reference.adapters).map(([name, pinned]) => [ours(name), stored(name, pinned)] as const);
  const network = withState(adapted.network, new Map(start));
  const trainable = new Set([...start.map(([name]) => name), ...HEAD]);
  const plan: TrainingPlan = {
    ...PLAN_DEFAULTS,
    trainable,
    output: 'logits',
    optimizer: 'sgd',
    optimizerOptions: { momentum: 0 },
  };
  return { ...adapted, plain, network, plan };
}

const distance = (found: Tensor | undefined, exact: readonly number[]): number =>
  Math.max(...exact.map((v, i) => Math.abs((found!.data as Float32Array)[i] - v))) /
  Math.max(...exact.map(Math.abs), 1e-6);

const batchOf = ({ shape, input, labels }: Case['steps'][number]) => ({
  inputs: [floats(shape, input)],
  labels: BigInt64Array.from(labels, BigInt),
  indices: labels.map((_, i) => i),
});

const ways = cases.flatMap((reference) => [
  { ...reference, way: 'within the weights' },
  { ...reference, way: 'beside the layers' },
]);

describe.each(ways)('adapters $way against PyTorch in double precision: $name', ({ way, ...reference }) => {
  const within = way === 'within the weights';
  const { steps, adapters, final, merged, lr, after } = reference;
  /** A PyTorch matrix in the network's order. */
  const exactly = (name: string, values: readonly number[]) =>
    name.startsWith('token') ? transposed(values, (adapters[name] ?? reference.initial[name]).shape) : values;

  it('start with the network’s own outputs, and have the gradients of the first step', async () => {
    const { network, plan, plain } = await adaptedOf(reference, within);
    const [step] = steps;
    const inputs = {
      x: floats(step.shape, step.input),
      labels: tensor('int64', [step.labels.length], BigInt64Array.from(step.labels, BigInt)),
    };
    const model = trainingModel(network, plan);
    const { initializers } = network.model.graph;
    const parameters = Object.fromEntries([...plan.trainable].map((name) => [name, initializers.get(name)!]));
    const results = await (await runtime.load(writeModel(model))).run({ ...inputs, ...parameters });
    const { logits } = await (await runtime.load(writeModel(plain.model))).run({ x: inputs.x }, ['logits']);
    expect(distance(results.logits, [...(logits.data as Float32Array)])).toBeLessThan(1e-6);
    expect(distance(results.loss, [step.loss])).toBeLessThan(1e-6);
    for (const [name, gradient] of Object.entries(step.gradients)) {
      expect(distance(results[`${ours(name)}.grad`], exactly(name, gradient)), name).toBeLessThan(2e-5);
    }
    const gradients = model.graph.outputs.map(({ name }) => name).filter((name) => name.endsWith('.grad'));
    expect(gradients.sort()).toEqual([...plan.trainable].map((name) => `${name}.grad`).sort());
  });

  it('train as in PyTorch, and merge into weights that compute the same', async () => {
    const { network, plan, plain, adapters: placed } = await adaptedOf(reference, within);
    const stage = await CompiledStage.compile({
      ...{ network, plan, runtime, seed: 0 },
      task: classification(['a', 'b', 'c']),
    });
    for (const [i, step] of steps.entries()) {
      const [{ loss }] = await stage.train([{ batch: batchOf(step), lr, step: i + 1 }]);
      expect(Math.abs(loss - step.loss), `loss of step ${i + 1}`).toBeLessThan(2e-6);
    }
    const state = await stage.state();
    await stage.release();
    for (const [name, exact] of Object.entries(final)) {
      expect(distance(state.get(ours(name)), exactly(name, exact)), name).toBeLessThan(2e-5);
    }
    const mergedState = mergeAdapters(state, (name) => plain.model.graph.initializers.get(name), reference);
    expect([...mergedState.keys()].sort()).toEqual([...placed.map(({ weight }) => weight), ...HEAD].sort());
    for (const [name, exact] of Object.entries(merged)) {
      expect(distance(mergedState.get(name), exactly(name, exact)), name).toBeLessThan(2e-5);
    }
    const session = await runtime.load(writeModel(withState(plain, mergedState).model));
    const { shape, input } = steps.at(-1)!;
    const { logits } = await session.run({ x: floats(shape, input) }, ['logits']);
    expect(distance(logits, after)).toBeLessThan(2e-5);
  });
});

describe('the layers that get adapters', () => {
  const [reference] = cases;

  async function placed(options: Partial<LoraOptions> = {}, model = modelOf(reference)): Promise<readonly Adapter[]> {
    const plain = await inferShapes(model, runtime);
    const head = findHead(plain.model);
    const groups = groupsOf(plain.model, head);
    return placeAdapters(plain, groups, head, { rank: 1, targets: 'all', seed: 0, ...options }).adapters;
  }
  const chosen = async (options: Partial<LoraOptions>) => (await placed(options)).map(({ weight }) => weight);

  it.each([
    ['all', ['stem.weight', 'mix.weight', 'point.weight', 'token.weight', 'neck.weight']],
    ['Conv', ['stem.weight', 'mix.weight', 'point.weight']],
    ['MatMul,Gemm', ['token.weight', 'neck.weight']],
    ['token', ['token.weight']],
    ['/^(mix|neck)/', ['mix.weight', 'neck.weight']],
    ['p*', ['point.weight']],
    [
      ['stem', 'neck.weight'],
      ['stem.weight', 'neck.weight'],
    ],
  ])('are those that targets %j select', async (targets, expected) => {
    expect(await chosen({ targets })).toEqual(expected);
  });

  it('have the ends of their module paths as names if exporters renamed weights', async () => {
    const model = smallModel({
      inputs: { x: ['N', 5, 12] },
      outputs: { y: ['N', 5, 3] },
      initializers: {
        'onnx::MatMul_1': weights([12, 12]),
        'onnx::MatMul_2': weights([12, 12], 2),
        head: weights([12, 3]),
      },
      nodes: [
        ['MatMul', ['x', 'onnx::MatMul_1'], ['q'], {}, '/encoder/layer.0/attention/query/MatMul'],
        ['MatMul', ['q', 'onnx::MatMul_2'], ['v'], {}, '/encoder/layer.0/attention/value/MatMul'],
        ['MatMul', ['v', 'head'], ['y']],
      ],
    });
    const named = (await placed({ targets: ['query'] }, model)).map(({ weight, module }) => [weight, module]);
    expect(named).toEqual([['onnx::MatMul_1', 'encoder.layer.0.attention.query']]);
    expect((await placed({ targets: 'attention.*' }, model)).length).toBe(2);
  });

  it('share one adapter if they share a weight, also behind a Transpose', async () => {
    const model = smallModel({
      opset: 18,
      inputs: { x: ['N', 8] },
      outputs: { y: ['N', 3] },
      initializers: { tied: weights([8, 8]), head: weights([8, 3]) },
      nodes: [
        ['Transpose', ['tied'], ['turned'], { perm: [1, 0] }],
        ['MatMul', ['x', 'turned'], ['a']],
        ['Tanh', ['a'], ['b']],
        ['Gemm', ['b', 'tied'], ['c'], { transB: 1 }],
        ['MatMul', ['b', 'turned'], ['d']],
        ['Add', ['c', 'd'], ['e']],
        ['MatMul', ['e', 'head'], ['y']],
      ],
    });
    // A MatMul and a Gemm use one weight in two different ways.
    await expect(placed({}, model)).rejects.toThrow(/nothing to adapt/);
    const alike = { ...model, graph: { ...model.graph, nodes: model.graph.nodes.map((node) => node) } };
    alike.graph.nodes[3] = { ...alike.graph.nodes[4], name: 'again', outputs: ['c'] };
    const adapters = await placed({ dropout: 0.1 }, alike);
    expect(adapters.map(({ weight, reads }) => [weight, reads.map(({ value }) => value)])).toEqual([
      ['tied', ['x', 'b', 'b']],
    ]);
  });

  it('exclude layers whose adapter would be as large as the weight', async () => {
    expect(await chosen({ rank: 6 })).toEqual(['stem.weight', 'mix.weight']);
    expect(await chosen({ rank: 7 })).toEqual(['mix.weight']);
    await expect(placed({ rank: 64 })).rejects.toThrow(
      expect.objectContaining({ line: expect.stringMatching(/rank 64 .*largest rank that saves anything is 10/) }),
    );
    await expect(placed({ targets: 'decoder' })).rejects.toThrow(/"decoder" selects no parameter/);
  });

  it('draw A from the seed, uniformly within 1/√inputs, and start with B = 0', async () => {
    const plain = await inferShapes(modelOf(reference), runtime);
    const head = findHead(plain.model);
    const drawn = (seed: number) => {
      const { network } = placeAdapters(plain, groupsOf(plain.model, head), head, { rank: 2, targets: 'all', seed });
      return (name: string) => network.model.graph.initializers.get(name)!;
    };
    const { a, b } = adapterNames('mix.weight');
    const values = drawn(1)(a).data as Float32Array;
    expect(drawn(1)(a)).toEqual(drawn(1)(a));
    expect(drawn(2)(a)).not.toEqual(drawn(1)(a));
    expect(Math.max(...values.map(Math.abs))).toBeLessThan(1 / Math.sqrt(72));
    expect(Math.max(...values.map(Math.abs))).toBeGreaterThan(0.9 / Math.sqrt(72));
    expect((drawn(1)(b).data as Float32Array).every((v) => v === 0)).toBe(true);
  });

  it('add small adapters to their weights, and compute large adapters and those with dropout alongside their layers', async () => {
    const wide = smallModel({
      inputs: { x: ['N', 5, 24] },
      outputs: { y: ['N', 5, 3] },
      initializers: {
        narrow: weights([24, 24]),
        up: weights([24, 320]),
        wide: weights([320, 320]),
        head: weights([320, 3]),
      },
      nodes: [
        ['MatMul', ['x', 'narrow'], ['a']],
        ['MatMul', ['a', 'up'], ['b']],
        ['MatMul', ['b', 'wide'], ['c']],
        ['MatMul', ['c', 'head'], ['y']],
      ],
    });
    const beside = async (options: Partial<LoraOptions>) =>
      (await placed(options, wide)).filter(({ reads }) => reads.length).map(({ weight }) => weight);
    expect(await beside({})).toEqual(['wide']);
    expect(await beside({ dropout: 0.1 })).toEqual(['narrow', 'up', 'wide']);
  });
});

describe('adapters of the operators that ONNX Runtime’s optimizer writes', () => {
  const microsoft = new Set(['Attention', 'FusedMatMul', 'FusedGemm', 'FusedConv']);
  const plain = smallModel({
    opset: 18,
    inputs: { x: ['N', 3, 4, 4] },
    outputs: { logits: ['N', 3] },
    initializers: {
      'patch.weight': weights([8, 3, 2, 2]),
      'qkv.weight': weights([8, 24], 2),
      'qkv.bias': weights([24]),
      'out.weight': weights([8, 8], 3),
      'neck.weight': weights([8, 8], 4),
      'head.weight': weights([3, 8], 5),
      tokens: tensor('int64', [3], BigInt64Array.of(0n, 8n, -1n)),
      one: tensor('int64', [1], BigInt64Array.of(1n)),
    },
    nodes: [
      ['FusedConv', ['x', 'patch.weight'], ['p'], { strides: [2, 2], activation: 'Sigmoid' }],
      ['Reshape', ['p', 'tokens'], ['flat']],
      ['Transpose', ['flat'], ['t'], { perm: [0, 2, 1] }],
      ['Attention', ['t', 'qkv.weight', 'qkv.bias'], ['h'], { num_heads: 2 }],
      ['FusedMatMul', ['h', 'out.weight'], ['o'], { transB: 1, alpha: float(0.7) }],
      ['ReduceMean', ['o', 'one'], ['mean'], { keepdims: 0 }],
      ['FusedGemm', ['mean', 'neck.weight'], ['n'], { activation: 'Tanh' }],
      ['Gemm', ['n', 'head.weight'], ['logits'], { transB: 1 }],
    ],
  });
  const model: Model = {
    ...plain,
    opsets: { ...plain.opsets, 'com.microsoft': 1 },
    graph: {
      ...plain.graph,
      nodes: plain.graph.nodes.map((node) => (microsoft.has(node.op) ? { ...node, domain: 'com.microsoft' } : node)),
    },
  };
  const lora: LoraOptions = { rank: 2, alpha: 3, targets: 'all' };
  const WEIGHTS = ['patch.weight', 'qkv.weight', 'out.weight', 'neck.weight'];

  async function opened(options = lora) {
    const network = await inferShapes(model, runtime);
    const head = findHead(network.model);
    return { plain: network, ...placeAdapters(network, groupsOf(network.model, head), head, { ...options, seed: 0 }) };
  }
  const inputs = { x: weights([2, 3, 4, 4], 7), labels: tensor('int64', [2], BigInt64Array.of(2n, 0n)) };
  /** Gradients of the trainable parameters, by name. */
  async function gradientsOf(network: Awaited<ReturnType<typeof inferShapes>>, trainable: readonly string[]) {
    const plan: TrainingPlan = { ...PLAN_DEFAULTS, trainable: new Set(trainable), output: 'logits' };
    const { initializers } = network.model.graph;
    const parameters = Object.fromEntries(trainable.map((name) => [name, initializers.get(name)!]));
    const session = await runtime.load(writeModel(trainingModel(network, plan)));
    return session.run({ ...inputs, ...parameters });
  }

  it('have the gradients that follow from the gradients of their weights', async () => {
    const { plain: bare, network, adapters } = await opened();
    expect(adapters.map(({ weight }) => weight)).toEqual(WEIGHTS);
    const whole = await gradientsOf(bare, WEIGHTS);
    const low = await gradientsOf(
      network,
      adapters.flatMap(({ a, b }) => [a, b]),
    );
    expect(distance(low.loss, [...(whole.loss.data as Float32Array)])).toBeLessThan(1e-6);
    for (const { weight, a, b, outputsFirst } of adapters) {
      // y = x·(W + s·BA) with B = 0: ∂B = s·∂W·Aᵀ, or s·Aᵀ·∂W if W is [inputs, outputs]; ∂A = 0.
      const [down, gradient] = [network.model.graph.initializers.get(a)!, whole[`${weight}.grad`]];
      const [rows] = gradient.shape;
      const columns = (gradient.data as Float32Array).length / rows;
      const [outputs, inner] = outputsFirst ? [rows, columns] : [columns, rows];
      const w = (o: number, i: number) =>
        (gradient.data as Float32Array)[outputsFirst ? o * columns + i : i * columns + o];
      const d = (r: number, i: number) => (down.data as Float32Array)[outputsFirst ? r * inner + i : i * lora.rank + r];
      const exact = Array.from({ length: outputs * lora.rank }, (_, at) => {
        const [o, r] = outputsFirst
          ? [Math.floor(at / lora.rank), at % lora.rank]
          : [at % outputs, Math.floor(at / outputs)];
        return 1.5 * Array.from({ length: inner }, (_, i) => w(o, i) * d(r, i)).reduce((all, v) => all + v, 0);
      });
      expect(Math.max(...exact.map(Math.abs)), weight).toBeGreaterThan(1e-5);
      expect(distance(low[`${b}.grad`], exact), weight).toBeLessThan(1e-4);
      expect((low[`${a}.grad`].data as Float32Array).every((v) => v === 0)).toBe(true);
    }
  });

  it('merge into weights that compute the same', async () => {
    const { plain: bare, network, adapters } = await opened();
    const { initializers } = network.model.graph;
    const state = new Map(
      adapters.flatMap(({ a, b }, i) => [
        [a, initializers.get(a)!] as const,
        [b, weights(initializers.get(b)!.shape, i + 11)] as const,
      ]),
    );
    const run = async (one: typeof bare) =>
      (await (await runtime.load(writeModel(one.model))).run({ x: inputs.x }, ['logits'])).logits;
    const adapted = await run(withState(network, state));
    const merged = mergeAdapters(state, (name) => initializers.get(name), lora);
    expect(distance(adapted, [...((await run(bare)).data as Float32Array)])).toBeGreaterThan(1e-2);
    expect(distance(await run(withState(bare, merged)), [...(adapted.data as Float32Array)])).toBeLessThan(1e-5);
  });

  it('refuse dropout, because they have no place for it', async () => {
    await expect(opened({ ...lora, dropout: 0.1 })).rejects.toThrow(/dropout is not possible/);
  });
});
