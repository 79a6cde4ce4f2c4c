import { expect, test } from 'vitest';
import { evaluationModel, prefixModel, stepModels, trainingModel } from '../../src/compiler/step/index.ts';
import { groupsOf, obstaclesOf } from '../../src/compiler/surgery/index.ts';
import type { Graph, Model, Tensor } from '../../src/onnx/index.ts';
import { machineOf } from '../../src/runtime/index.ts';
import { inferNetwork } from '../../src/session/index.ts';
import { numbers, planOf, run } from '../compiler/step/contract.ts';
import { compareWithDifferences } from '../compiler/step/differences.ts';
import { type NodeLine, smallModel, tensor, weights } from '../small-models.ts';
import { runtime } from '../training/network.ts';

const body = (
  states: Readonly<Record<string, readonly (number | string)[]>>,
  nodes: readonly NodeLine[],
  outputs: readonly string[],
  initializers: Record<string, Tensor> = {},
) => {
  const { graph } = smallModel({
    inputs: { t: [], before: [], ...states },
    types: { t: 'int64', before: 'bool' },
    outputs: {},
    nodes,
    initializers,
  });
  const types: Record<string, 'bool'> = { after: 'bool' };
  return {
    kind: 'graph',
    value: { ...graph, outputs: outputs.map((name) => ({ name, type: types[name] ?? ('float32' as const) })) },
  } as const;
};

const count = ({ nodes }: Graph, op: string) => nodes.filter((node) => node.op === op).length;
const parametersOf = (model: Model) => groupsOf(model).flatMap((group) => group.parameters);

/** h′ = tanh(x[t]·W + h·U + c) over a text of any length. The scores use the last state and the mean of all states. */
const recurrent = smallModel({
  opset: 18,
  inputs: { ids: ['batch', 'length'] },
  types: { ids: 'int64' },
  outputs: { logits: ['batch', 3] },
  initializers: {
    'words.weight': weights([7, 4], 7),
    'in.weight': weights([4, 5], 1),
    'start.weight': weights([4, 5], 2),
    'fc.weight': weights([5, 3], 3),
    'mean.weight': weights([5, 3], 4),
    one: tensor('int64', [], () => 1),
    first: tensor('int64', [], () => 0),
    axis: tensor('int64', [1], () => 0),
    yes: tensor('bool', [], () => 1),
  },
  nodes: [
    ['Gather', ['words.weight', 'ids'], ['x']],
    ['Shape', ['ids'], ['shape']],
    ['Gather', ['shape', 'one'], ['length']],
    ['Gather', ['x', 'first'], ['beginning'], { axis: 1 }],
    ['MatMul', ['beginning', 'start.weight'], ['h0']],
    [
      'Loop',
      ['length', 'yes', 'h0'],
      ['last', 'all'],
      {
        body: body(
          { h: ['batch', 5] },
          [
            ['Gather', ['x', 't'], ['element'], { axis: 1 }],
            ['MatMul', ['element', 'in.weight'], ['a']],
            ['MatMul', ['h', 'recurrent.weight'], ['b']],
            ['Add', ['a', 'b'], ['ab']],
            ['Add', ['ab', 'recurrent.bias'], ['sum']],
            ['Tanh', ['sum'], ['next']],
            ['Identity', ['next'], ['element_out']],
            ['Identity', ['before'], ['after']],
          ],
          ['after', 'next', 'element_out'],
          { 'recurrent.weight': weights([5, 5], 5), 'recurrent.bias': weights([5], 6) },
        ),
      },
      'recur',
    ],
    ['ReduceMean', ['all', 'axis'], ['mean'], { keepdims: 0 }],
    ['MatMul', ['last', 'fc.weight'], ['p']],
    ['MatMul', ['mean', 'mean.weight'], ['q']],
    ['Add', ['p', 'q'], ['logits']],
  ],
});

test('gradients go back through a loop over a sequence of any length', async () => {
  const network = await inferNetwork(recurrent, runtime);
  const parameters = parametersOf(network.model);
  expect([...parameters].sort()).toEqual(
    ['fc', 'in', 'mean', 'start', 'words']
      .map((name) => `${name}.weight`)
      .concat('recurrent.bias', 'recurrent.weight')
      .sort(),
  );
  expect(obstaclesOf(network, groupsOf(network.model), 'logits')).toEqual([]);
  for (const length of [1, 2, 5]) {
    await compareWithDifferences(network, parameters, {
      ids: tensor('int64', [3, length], (i) => (3 * i + 1) % 7),
      labels: tensor('int64', [3], (i) => i),
    });
  }
});

test('the evaluation graph stores no values, and the training graph only those that it reads', async () => {
  const network = await inferNetwork(recurrent, runtime);
  const plan = planOf(parametersOf(network.model));
  const [loop] = evaluationModel(network, plan).graph.nodes.filter(({ op }) => op === 'Loop');
  expect(loop.outputs).toEqual(['last', 'all']);
  const loops = trainingModel(network, plan).graph.nodes.filter(({ op }) => op === 'Loop');
  expect(loops).toHaveLength(2);
  // The states, the elements and the results of tanh, and the step numbers.
  expect(loops[0].outputs).toHaveLength(2 + 4);
});

/** Scales once for every integer below the sum of x, so the data determine the number of steps. */
const growing = smallModel({
  opset: 18,
  inputs: { x: ['batch', 4] },
  outputs: { logits: ['batch', 3] },
  initializers: {
    'scale.weight': tensor('float32', [4], (i) => 1.2 + 0.1 * i),
    'fc.weight': weights([4, 3], 3),
    zero: tensor('float32', [], () => 0),
    unit: tensor('float32', [], () => 1),
    many: tensor('int64', [], () => 1000),
    yes: tensor('bool', [], () => 1),
  },
  nodes: [
    ['Abs', ['x'], ['start']],
    ['ReduceSum', ['start'], ['sum'], { keepdims: 0 }],
    [
      'Loop',
      ['many', 'yes', 'start', 'sum'],
      ['grown', 'rest'],
      {
        body: body(
          { v: ['batch', 4], left: [] },
          [
            ['Mul', ['v', 'scale.weight'], ['w']],
            ['Sub', ['left', 'unit'], ['less']],
            ['Greater', ['less', 'zero'], ['after']],
          ],
          ['after', 'w', 'less'],
        ),
      },
    ],
    ['Log', ['grown'], ['logs']],
    ['MatMul', ['logs', 'fc.weight'], ['logits']],
  ],
});

test('the data may determine the number of steps', async () => {
  const network = await inferNetwork(growing, runtime);
  const parameters = ['fc.weight', 'scale.weight'];
  const initial = Object.fromEntries(parameters.map((name) => [name, network.model.graph.initializers.get(name)!]));
  const gradients: number[][] = [];
  for (const size of [0.3, 1.1]) {
    const data = {
      x: tensor('float32', [2, 4], (i) => size * (0.4 + 0.1 * Math.sin(i))),
      labels: tensor('int64', [2], (i) => i),
    };
    await compareWithDifferences(network, parameters, data);
    gradients.push(
      numbers((await run(trainingModel(network, planOf(parameters)), { ...data, ...initial }))['scale.weight.grad']),
    );
  }
  // More steps give larger gradients.
  const norm = (x: readonly number[]) => Math.hypot(...x);
  expect(norm(gradients[1])).toBeGreaterThan(1.5 * norm(gradients[0]));
});

test('a loop whose state grows is refused by name', async () => {
  const source = smallModel({
    opset: 18,
    inputs: { x: ['batch', 4] },
    outputs: { logits: ['batch', 3] },
    initializers: {
      'w.weight': weights([4, 4]),
      'fc.weight': weights([4, 3]),
      axis: tensor('int64', [1], () => 1),
      yes: tensor('bool', [], () => 1),
    },
    nodes: [
      ['Shape', ['x'], ['shape'], { start: 0, end: 1 }],
      ['Squeeze', ['shape'], ['steps']],
      ['MatMul', ['x', 'w.weight'], ['start']],
      [
        'Loop',
        ['steps', 'yes', 'start'],
        ['grown'],
        {
          body: body(
            { v: ['batch', 'width'] },
            [
              ['Concat', ['v', 'x'], ['w'], { axis: 1 }],
              ['Identity', ['before'], ['after']],
            ],
            ['after', 'w'],
          ),
        },
        'grow',
      ],
      ['ReduceMean', ['grown', 'axis'], ['mean'], { keepdims: 1 }],
      ['Mul', ['mean', 'start'], ['scaled']],
      ['MatMul', ['scaled', 'fc.weight'], ['logits']],
    ],
  });
  const network = await inferNetwork(source, runtime);
  expect(obstaclesOf(network, groupsOf(network.model), 'logits')).toEqual([
    expect.objectContaining({ operator: 'Loop', node: 'grow', parameters: ['w.weight'] }),
  ]);
  expect(count(network.model.graph, 'Loop')).toBe(1);
});

/** A convolution, repeated as often as the first channel of the image says. */
const convolving = smallModel({
  opset: 20,
  inputs: { x: ['batch', 3, 6, 6] },
  outputs: { logits: ['batch', 3] },
  initializers: {
    'conv1.weight': weights([16, 3, 3, 3], 1),
    'conv2.weight': weights([16, 16, 3, 3], 2),
    'conv2.bias': weights([16], 3),
    'fc.weight': weights([16, 3], 4),
    yes: tensor('bool', [], () => 1),
    tenth: tensor('float32', [], () => 0.2),
  },
  nodes: [
    ['ReduceMax', ['x'], ['greatest'], { keepdims: 0 }],
    ['Cast', ['greatest'], ['steps'], { to: 7 }],
    ['Conv', ['x', 'conv1.weight'], ['first'], { pads: [1, 1, 1, 1] }],
    [
      'Loop',
      ['steps', 'yes', 'first'],
      ['last'],
      {
        body: body(
          { v: ['batch', 16, 6, 6] },
          [
            ['Conv', ['v', 'conv2.weight', 'conv2.bias'], ['c'], { pads: [1, 1, 1, 1] }],
            ['Gelu', ['c'], ['g']],
            ['Mul', ['g', 'tenth'], ['s']],
            ['Add', ['v', 's'], ['w']],
            ['Identity', ['before'], ['after']],
          ],
          ['after', 'w'],
        ),
      },
    ],
    ['Relu', ['last'], ['active']],
    ['GlobalAveragePool', ['active'], ['pooled']],
    ['Flatten', ['pooled'], ['features']],
    ['MatMul', ['features', 'fc.weight'], ['logits']],
  ],
});

test.each([false, true])('a convolution in a loop trains as in its graph, in blocks: %s', async (isBlocked) => {
  const machine = isBlocked ? await machineOf(runtime) : {};
  const network = await inferNetwork(convolving, runtime);
  const parameters = ['conv1.weight', 'conv2.weight', 'conv2.bias', 'fc.weight'];
  const data = {
    x: tensor('float32', [2, 3, 6, 6], (i) => 3.4 * Math.sin(0.9 * i)),
    labels: tensor('int64', [2], (i) => i),
  };
  await compareWithDifferences(network, parameters, data);
  const plan = planOf(parameters, { optimizer: 'sgd', optimizerOptions: {} });
  const initial = Object.fromEntries(parameters.map((name) => [name, network.model.graph.initializers.get(name)!]));
  const gradients = await run(trainingModel(network, plan), { ...data, ...initial });
  const { boundary, step, stored } = stepModels(network, plan, machine);
  const prefix = prefixModel(network, plan, boundary);
  expect(stored.size).toBe(0);
  const state = Object.fromEntries(
    step.graph.inputs.flatMap(({ name, shape }) => {
      if (!name.endsWith('.momentum')) return [];
      return [[name, tensor('float32', shape as number[], () => 0)]];
    }),
  );
  const results = await run(step, {
    ...data,
    ...(prefix ? await run(prefix, data) : {}),
    ...initial,
    ...state,
    lr: tensor('float32', [], () => 0.1),
    step: tensor('int64', [], () => 1),
  });
  for (const name of parameters) {
    const before = numbers(initial[name]);
    const gradient = numbers(gradients[`${name}.grad`]);
    numbers(results[`${name}.next`]).forEach((value, i) => {
      expect(value).toBeCloseTo(before[i] - 0.1 * gradient[i], 5);
    });
  }
});
