import { describe, expect, it } from 'vitest';
import {
  evaluationModel,
  optimizerModel,
  PLAN_DEFAULTS,
  stepModels,
  type TrainingPlan,
  trainingModel,
} from '../../src/artifacts/index.ts';
import { ThawError } from '../../src/errors.ts';
import { selectParameters } from '../../src/layers/index.ts';
import { type Attribute, type Graph, type Model, type Node, type Tensor, writeModel } from '../../src/onnx/index.ts';
import type { Feeds } from '../../src/runtime/index.ts';
import { inferShapes } from '../../src/shapes/index.ts';
import { smallModel, tensor, weights } from '../small-models.ts';
import { CLASSES, classifier, type NetworkOptions, prepared, runtime, SIDE } from '../training/network.ts';

const BACKBONE = ['conv1.weight', 'conv1.bias', 'conv2.weight', 'conv2.bias'];
const HEAD = ['fc.weight', 'fc.bias'];

const planOf = (trainable: readonly string[], more: Partial<TrainingPlan> = {}): TrainingPlan => ({
  ...PLAN_DEFAULTS,
  trainable: new Set(trainable),
  output: 'logits',
  ...more,
});

async function networkOf(options: NetworkOptions = {}) {
  return (await prepared(options)).network;
}

const images = (samples: number) =>
  tensor('float32', [samples, 3, SIDE, SIDE], (i) => Math.sin(i * 0.7) + Math.cos(i * 0.11));
const labels = (samples: number) => tensor('int64', [samples], (i) => i % CLASSES);
const data = (samples: number): Feeds => ({ pixel_values: images(samples), labels: labels(samples) });

async function run(model: Model, feeds: Feeds): Promise<Record<string, Tensor>> {
  const session = await runtime.load(writeModel(model));
  try {
    const known = new Set(session.inputNames);
    return await session.run(Object.fromEntries(Object.entries(feeds).filter(([name]) => known.has(name))));
  } finally {
    await session.release();
  }
}

const numbers = ({ data: values }: Tensor): number[] => Array.from(values as Float32Array);
const typed = ({ inputs, outputs }: Graph) => ({
  inputs: Object.fromEntries(inputs.map(({ name, type, shape }) => [name, `${type} [${shape}]`])),
  outputs: Object.fromEntries(outputs.map(({ name, type, shape }) => [name, `${type} [${shape}]`])),
});
const gradientsOf = ({ outputs }: Graph) =>
  outputs.flatMap(({ name }) => (name.endsWith('.grad') ? [name.slice(0, -'.grad'.length)] : []));

describe('names and types', () => {
  it('leave out an output that is no tensor', async () => {
    const plain = classifier();
    const split: Node = {
      name: '/split',
      op: 'SplitToSequence',
      domain: '',
      inputs: ['logits'],
      outputs: ['parts'],
      attributes: {},
    };
    const graph = {
      ...plain.graph,
      nodes: [...plain.graph.nodes, split],
      outputs: [...plain.graph.outputs, { name: 'parts' }],
    };
    const network = await inferShapes({ ...plain, graph }, runtime);
    expect(Object.keys(typed(evaluationModel(network, planOf(HEAD)).graph).outputs)).toEqual(['loss', 'logits']);
  });

  it('training_model', async () => {
    const plan = planOf(['conv2.bias', ...HEAD]);
    expect(typed(trainingModel(await networkOf(), plan).graph)).toEqual({
      inputs: {
        pixel_values: `float32 [batch,3,${SIDE},${SIDE}]`,
        labels: 'int64 [batch]',
        'conv2.bias': 'float32 [6]',
        'fc.weight': 'float32 [3,6]',
        'fc.bias': 'float32 [3]',
      },
      outputs: {
        loss: 'float32 []',
        logits: 'float32 [batch,3]',
        'conv2.bias.grad': 'float32 [6]',
        'fc.weight.grad': 'float32 [3,6]',
        'fc.bias.grad': 'float32 [3]',
      },
    });
  });

  it('eval_model', async () => {
    expect(typed(evaluationModel(await networkOf(), planOf(['fc.bias'])).graph)).toEqual({
      inputs: { pixel_values: `float32 [batch,3,${SIDE},${SIDE}]`, labels: 'int64 [batch]', 'fc.bias': 'float32 [3]' },
      outputs: { loss: 'float32 []', logits: 'float32 [batch,3]' },
    });
  });

  it('optimizer_model', async () => {
    expect(typed(optimizerModel(await networkOf(), planOf(['fc.bias'])).graph)).toEqual({
      inputs: {
        'fc.bias': 'float32 [3]',
        'fc.bias.grad': 'float32 [3]',
        'fc.bias.exp_avg': 'float32 [3]',
        'fc.bias.exp_avg_sq': 'float32 [3]',
        lr: 'float32 []',
        step: 'int64 []',
      },
      outputs: {
        'fc.bias.next': 'float32 [3]',
        'fc.bias.exp_avg.next': 'float32 [3]',
        'fc.bias.exp_avg_sq.next': 'float32 [3]',
      },
    });
  });

  it('labels of the losses that compare numbers are shaped like the output', async () => {
    const { inputs } = typed(trainingModel(await networkOf(), planOf(HEAD, { loss: 'mse' })).graph);
    expect(inputs.labels).toBe('float32 [batch,3]');
  });

  it.each([1, 2, 5])('a batch of %s runs', async (samples) => {
    const network = await networkOf();
    const results = await run(trainingModel(network, planOf([...BACKBONE, ...HEAD])), {
      ...data(samples),
      ...Object.fromEntries(network.model.graph.initializers),
    });
    expect(results.logits.shape).toEqual([samples, CLASSES]);
    expect(Number.isFinite(numbers(results.loss)[0])).toBe(true);
  });
});

/** Names of the values that the loss's gradient is made of: all that depends on the labels. */
function backwardReads({ nodes }: Graph): Set<string> {
  const late = new Set(['labels']);
  const early = new Set<string>();
  for (const { inputs, outputs } of nodes) {
    if (!inputs.some((name) => late.has(name))) continue;
    for (const output of outputs) late.add(output);
    for (const input of inputs) if (!late.has(input)) early.add(input);
  }
  return early;
}

describe('what trains', () => {
  it.each([
    ['head', HEAD],
    ['last:2', ['conv2.weight', 'conv2.bias', ...HEAD]],
    ['all', [...BACKBONE, ...HEAD]],
    ['/bias$/', ['conv1.bias', 'conv2.bias', 'fc.bias']],
    ['conv2.bias', ['conv2.bias']],
  ] as const)('%s: parameters as inputs, all others as constants with their bytes', async (selection, expected) => {
    const { network, anatomy } = await prepared();
    const trainable = selectParameters(selection, anatomy.groups);
    const { graph } = trainingModel(network, planOf([...trainable]));
    expect(new Set(gradientsOf(graph))).toEqual(new Set(expected));
    for (const [name, contents] of network.model.graph.initializers) {
      const isInput = graph.inputs.some((input) => input.name === name);
      expect(isInput, name).toBe(trainable.has(name));
      if (!isInput) expect(graph.initializers.get(name), name).toEqual(contents);
      else expect(graph.initializers.has(name), name).toBe(false);
    }
  });

  it('of the head only: no gradient reads or makes anything of the backbone', async () => {
    const { graph } = trainingModel(await networkOf(), planOf(HEAD));
    const reads = backwardReads(graph);
    expect(reads).toContain('f2');
    for (const name of [...BACKBONE, 'pixel_values', 'c1', 'r1', 'c2', 'r2', 'p2', 'fc.weight'])
      expect(reads).not.toContain(name);
    // The forward pass has two convolutions; a gradient of one would be more.
    expect(graph.nodes.filter(({ op }) => op.startsWith('Conv')).length).toBe(2);
  });

  it('a single bias: no gradient of any weight', async () => {
    const { graph } = trainingModel(await networkOf(), planOf(['conv2.bias']));
    const reads = backwardReads(graph);
    for (const name of ['pixel_values', 'r1', 'f2', 'conv1.weight', 'conv2.weight']) expect(reads).not.toContain(name);
    expect(reads).toContain('fc.weight');
  });

  it('all gradients are those of central differences of eval_model', async () => {
    const network = await networkOf();
    const plan = planOf([...BACKBONE, ...HEAD]);
    const parameters = Object.fromEntries(network.model.graph.initializers);
    const results = await run(trainingModel(network, plan), { ...data(4), ...parameters });
    const session = await runtime.load(writeModel(evaluationModel(network, plan)));
    const lossAt = async (name: string, index: number, by: number) => {
      const moved = (parameters[name].data as Float32Array).slice();
      moved[index] += by;
      const { loss } = await session.run({ ...data(4), ...parameters, [name]: { ...parameters[name], data: moved } });
      return numbers(loss)[0];
    };
    for (const name of plan.trainable) {
      const gradient = numbers(results[`${name}.grad`]);
      const index = gradient.reduce((best, g, i) => (Math.abs(g) > Math.abs(gradient[best]) ? i : best), 0);
      const slope = ((await lossAt(name, index, 0.01)) - (await lossAt(name, index, -0.01))) / 0.02;
      expect(gradient[index] / slope, name).toBeCloseTo(1, 1);
    }
    await session.release();
  });

  it.each([
    ['a name that is not there', 'fc.wight', /no parameter "fc.wight"/],
    ['an integer', 'shape', /"shape" is int64/],
  ])('%s is refused', async (_, name, message) => {
    const model = smallModel({
      opset: 18,
      inputs: { x: ['N', 2, 3] },
      outputs: { logits: ['N', 3] },
      initializers: { shape: tensor('int64', [2], (i) => [-1, 6][i]), 'fc.weight': weights([6, 3]) },
      nodes: [
        ['Reshape', ['x', 'shape'], ['flat']],
        ['MatMul', ['flat', 'fc.weight'], ['logits']],
      ],
    });
    const network = await inferShapes(model, runtime);
    const compile = () => trainingModel(network, planOf([name]));
    expect(compile).toThrow(ThawError);
    expect(compile).toThrow(message);
  });

  it('a value of the model under a name of the contract is refused', async () => {
    const model = smallModel({
      opset: 18,
      inputs: { x: ['N', 6] },
      outputs: { logits: ['N', 3] },
      initializers: { w: weights([6, 3]) },
      nodes: [
        ['Relu', ['x'], ['loss']],
        ['MatMul', ['loss', 'w'], ['logits']],
      ],
    });
    const network = await inferShapes(model, runtime);
    expect(() => trainingModel(network, planOf(['w']))).toThrow(/value called "loss"/);
  });
});

it('a trainable parameter inside a branch is refused, for no gradient would follow', async () => {
  const branch = (op: string): Attribute => ({
    kind: 'graph',
    value: {
      name: op,
      nodes: [{ name: op, op, domain: '', inputs: ['x', 'w'], outputs: [op], attributes: {} }],
      inputs: [],
      outputs: [{ name: op, type: 'float32', shape: ['N', 3] }],
      initializers: new Map(),
      valueInfo: [],
    },
  });
  const model = smallModel({
    opset: 18,
    inputs: { x: ['N', 3] },
    outputs: { logits: ['N', 3] },
    initializers: { w: weights([3]), v: weights([3, 3]), yes: tensor('bool', [], () => 1) },
    nodes: [
      ['If', ['yes'], ['chosen'], { then_branch: branch('Mul'), else_branch: branch('Add') }],
      ['MatMul', ['chosen', 'v'], ['logits']],
    ],
  });
  const network = await inferShapes(model, runtime);
  expect(() => trainingModel(network, planOf(['w']))).toThrow(
    /If node "If\/chosen" cannot be differentiated: it takes "w" into its subgraph/,
  );
  expect(gradientsOf(trainingModel(network, planOf(['v'])).graph)).toEqual(['v']);
  expect(stepModels(network, planOf(['v'])).boundary.training.map(({ name }) => name)).toEqual(['chosen']);
});

describe('several outputs', () => {
  it('come out under their names; a parameter that the loss does not see has the gradient zero', async () => {
    const network = await networkOf({ auxiliary: true });
    const plan = planOf(['conv1.weight', 'aux.weight', 'fc.weight']);
    const model = trainingModel(network, plan);
    const results = await run(model, { ...data(2), ...Object.fromEntries(network.model.graph.initializers) });
    const plain = await run(network.model, data(2));
    close(results.logits, plain.logits);
    close(results.aux, plain.aux);
    expect(results['aux.weight.grad'].shape).toEqual([2, 4]);
    expect(numbers(results['aux.weight.grad']).every((g) => g === 0)).toBe(true);
    expect(numbers(results['conv1.weight.grad']).some((g) => g !== 0)).toBe(true);
  });

  it('the loss may look at the second', async () => {
    const network = await networkOf({ auxiliary: true });
    const model = trainingModel(network, planOf(['fc.weight', 'aux.weight'], { output: 'aux' }));
    const results = await run(model, {
      pixel_values: images(2),
      labels: tensor('int64', [2], (i) => i),
      ...Object.fromEntries(network.model.graph.initializers),
    });
    expect(numbers(results['fc.weight.grad']).every((g) => g === 0)).toBe(true);
    expect(numbers(results['aux.weight.grad']).some((g) => g !== 0)).toBe(true);
  });
});

describe('regularization', () => {
  it('dropout draws its noise from an input, and is not in eval_model', async () => {
    const network = await networkOf();
    const rate = 0.25;
    const dropout = [{ value: 'f2', into: new Set(['/fc/Gemm']), rate }];
    const plan = planOf(HEAD, { dropout });
    const model = trainingModel(network, plan);
    expect(typed(model.graph).inputs['f2.noise']).toBe('float32 [batch,6]');
    expect(typed(evaluationModel(network, plan).graph).inputs).not.toHaveProperty('f2.noise');

    const parameters = Object.fromEntries(network.model.graph.initializers);
    const noise = tensor('float32', [2, 6], (i) => i / 12); // the first three of twelve are below the rate
    const results = await run(model, { ...data(2), ...parameters, 'f2.noise': noise });
    const features = await run(
      { ...network.model, graph: { ...network.model.graph, outputs: [{ name: 'f2', type: 'float32' }] } },
      data(2),
    );
    const kept = numbers(features.f2).map((f, i) => (i / 12 >= rate ? f / (1 - rate) : 0));
    const [w, bias] = HEAD.map((name) => numbers(parameters[name]));
    const expected = [0, 1].flatMap((n) =>
      bias.map((v, c) => kept.slice(6 * n, 6 * n + 6).reduce((all, f, k) => all + f * w[6 * c + k], v)),
    );
    numbers(results.logits).forEach((v, i) => {
      expect(v).toBeCloseTo(expected[i], 5);
    });
    // A dropped feature of the only sample leaves its weights without a gradient.
    const alone = await run(model, {
      ...data(1),
      ...parameters,
      'f2.noise': tensor('float32', [1, 6], (i) => (i === 2 ? 0 : 0.9)),
    });
    const gradient = numbers(alone['fc.weight.grad']);
    expect(gradient.filter((_, i) => i % 6 === 2)).toEqual([0, 0, 0]);
  });

  it('L2 adds λΣw² of the trainable weights to the loss and 2λw to their gradients, not to biases, not in eval_model', async () => {
    const network = await networkOf();
    const parameters = Object.fromEntries(network.model.graph.initializers);
    const trainable = ['conv2.weight', ...HEAD];
    const feeds = { ...data(3), ...parameters };
    const plain = await run(trainingModel(network, planOf(trainable)), feeds);
    const l2 = 0.05;
    const penalized = await run(trainingModel(network, planOf(trainable, { l2 })), feeds);
    const squares = ['conv2.weight', 'fc.weight']
      .flatMap((name) => numbers(parameters[name]))
      .reduce((all, v) => all + v * v, 0);
    expect(numbers(penalized.loss)[0] - numbers(plain.loss)[0]).toBeCloseTo(l2 * squares, 5);
    for (const name of trainable) {
      const factor = name.endsWith('.bias') ? 0 : 2 * l2;
      const more = numbers(penalized[`${name}.grad`]).map((g, i) => g - numbers(plain[`${name}.grad`])[i]);
      more.forEach((v, i) => {
        expect(v).toBeCloseTo(factor * numbers(parameters[name])[i], 5);
      });
    }
    const evaluated = await run(evaluationModel(network, planOf(trainable, { l2 })), feeds);
    expect(numbers(evaluated.loss)[0]).toBeCloseTo(numbers(plain.loss)[0], 6);
  });
});

describe('the trainer’s graphs against the artifacts', () => {
  it.each<[string, readonly string[], NetworkOptions, Partial<TrainingPlan>]>([
    ['head only', HEAD, {}, {}],
    ['last groups', ['conv2.weight', 'conv2.bias', ...HEAD], {}, { l2: 0.01 }],
    ['a single bias', ['conv2.bias'], {}, { optimizer: 'sgd' }],
    [
      'everything',
      [...BACKBONE, ...HEAD],
      {},
      { optimizer: 'adam', learningRateScales: new Map([['conv1.weight', 0.1]]) },
    ],
    ['dropout', ['conv2.weight', ...HEAD], {}, { dropout: [{ value: 'f2', into: new Set(['/fc/Gemm']), rate: 0.5 }] }],
    [
      'dropout before a frozen head',
      ['conv1.bias'],
      {},
      { dropout: [{ value: 'f2', into: new Set(['/fc/Gemm']), rate: 0.5 }] },
    ],
    ['batch norm, frozen', ['conv2.weight', 'bn.weight', ...HEAD], { batchNorm: true }, {}],
    [
      'batch norm with its batch',
      ['conv2.weight', 'bn.weight', 'bn.bias', ...HEAD],
      { batchNorm: true },
      { batchNorm: 'training' },
    ],
    ['two outputs', ['conv1.weight', 'aux.weight', ...HEAD], { auxiliary: true }, {}],
    ['a side branch only', ['aux.weight'], { auxiliary: true }, {}],
  ])('%s', async (_, trainable, options, more) => {
    const network = await networkOf(options);
    const plan = planOf(trainable, more);
    const samples = 4;
    const models = stepModels(network, plan);
    const parameters = Object.fromEntries(network.model.graph.initializers);
    const noise = Object.fromEntries(
      models.noise.map(({ name, shape }) => [
        name,
        tensor('float32', [samples, ...(shape.slice(1) as number[])], (i) => (i * 0.37) % 1),
      ]),
    );
    const feeds: Record<string, Tensor> = {
      ...data(samples),
      ...parameters,
      ...noise,
      lr: tensor('float32', [], () => 0.01),
      step: tensor('int64', [], () => 1),
    };
    for (const { name, shape } of models.step.graph.inputs) {
      if (/\.(momentum|exp_avg|exp_avg_sq)$/.test(name)) feeds[name] = tensor('float32', shape as number[], () => 0);
    }
    const trained = await run(trainingModel(network, plan), feeds);
    const updated = await run(optimizerModel(network, plan), { ...feeds, ...trained });

    const boundary = models.prefix ? await run(models.prefix, feeds) : {};
    expect(models.boundary.training.every(({ name }) => name in boundary || name === 'pixel_values')).toBe(true);
    const step = await run(models.step, { ...feeds, ...boundary });
    expect(step.loss.shape).toEqual([]);
    close(step.loss, trained.loss);
    close(step.logits, trained.logits);
    const nexts = models.step.graph.outputs.map(({ name }) => name).filter((name) => name.endsWith('.next'));
    expect(new Set(nexts)).toEqual(
      new Set([...Object.keys(updated), ...Object.keys(trained).filter((name) => name.endsWith('.next'))]),
    );
    for (const name of nexts) close(step[name], updated[name] ?? trained[name]);

    const evaluated = await run(evaluationModel(network, plan), feeds);
    const evaluation = await run(models.evaluation, { ...feeds, ...boundary });
    close(evaluation.loss, evaluated.loss);
    close(evaluation.logits, evaluated.logits);
    expect(models.boundary.training).toEqual(expect.arrayContaining([...models.boundary.evaluation]));
  });

  it('the frozen part is the prefix’s alone', async () => {
    const network = await networkOf();
    const { prefix, step, boundary } = stepModels(network, planOf(HEAD));
    expect(boundary.training.map(({ name }) => name)).toEqual(['f2']);
    expect(prefix!.graph.nodes.map(({ op }) => op)).toEqual([
      'Conv',
      'Relu',
      'Conv',
      'Relu',
      'GlobalAveragePool',
      'Flatten',
    ]);
    expect(step.graph.nodes.some(({ op }) => op === 'Conv')).toBe(false);
    for (const name of BACKBONE) expect(step.graph.initializers.has(name)).toBe(false);
    expect(stepModels(network, planOf([...BACKBONE, ...HEAD])).prefix).toBeUndefined();
  });

  it('what is computed of frozen weights alone is no boundary value', async () => {
    const model = smallModel({
      opset: 18,
      inputs: { x: ['N', 4] },
      outputs: { logits: ['N', 3] },
      initializers: { first: weights([4, 5]), bias: weights([5]), last: weights([3, 5]) },
      nodes: [
        ['MatMul', ['x', 'first'], ['h']],
        ['Add', ['h', 'bias'], ['biased']],
        ['Tanh', ['biased'], ['t']],
        ['Transpose', ['last'], ['turned'], { perm: [1, 0] }],
        ['MatMul', ['t', 'turned'], ['logits']],
      ],
    });
    const network = await inferShapes(model, runtime);
    const { step, evaluation, boundary } = stepModels(network, planOf(['bias']));
    expect(boundary.training.map(({ name }) => name)).toEqual(['h']);
    expect(boundary.evaluation.map(({ name }) => name)).toEqual(['h']);
    for (const { graph } of [step, evaluation]) expect([...graph.initializers.keys()]).toContain('last');
  });
});

/** Equal to float32 rounding, in units of the greatest element. */
function close(found: Tensor, expected: Tensor): void {
  const exact = numbers(expected);
  const scale = Math.max(...exact.map(Math.abs), 1e-6);
  expect(found.shape).toEqual(expected.shape);
  expect(Math.max(...numbers(found).map((v, i) => Math.abs(v - exact[i]))) / scale).toBeLessThan(2e-5);
}
