import { expect, test } from 'vitest';
import { trainingModel } from '../../src/compiler/step/index.ts';
import { groupsOf, obstaclesOf } from '../../src/compiler/surgery/index.ts';
import type { Graph, Model, Tensor } from '../../src/onnx/index.ts';
import { inferNetwork } from '../../src/session/index.ts';
import { numbers, planOf, run } from '../compiler/step/contract.ts';
import { compareWithDifferences } from '../compiler/step/differences.ts';
import { type NodeLine, smallModel, tensor, weights } from '../small-models.ts';
import { runtime } from '../training/network.ts';

const branch = (nodes: readonly NodeLine[], output: string, initializers: Record<string, Tensor> = {}) => {
  const { graph } = smallModel({ inputs: {}, outputs: { [output]: ['batch', 5] }, nodes, initializers });
  return { kind: 'graph', value: graph } as const;
};

/** A network whose branch depends on the sign of a sum. */
const choosing = (then: ReturnType<typeof branch>, otherwise: ReturnType<typeof branch>): Model =>
  smallModel({
    opset: 18,
    inputs: { x: ['batch', 4] },
    outputs: { logits: ['batch', 3] },
    initializers: {
      'fc1.weight': weights([4, 5], 1),
      'scale.weight': weights([5], 2),
      'fc2.weight': weights([5, 3], 3),
      zero: tensor('float32', [1], () => 0),
      axis: tensor('int64', [1], () => 0),
    },
    nodes: [
      ['MatMul', ['x', 'fc1.weight'], ['hidden']],
      ['ReduceSum', ['hidden'], ['sum'], { keepdims: 0 }],
      ['Greater', ['sum', 'zero'], ['positive']],
      ['If', ['positive'], ['chosen'], { then_branch: then, else_branch: otherwise }, 'choose'],
      ['MatMul', ['chosen', 'fc2.weight'], ['logits']],
    ],
  });

const own = branch(
  [
    ['MatMul', ['hidden', 'inner.weight'], ['t']],
    ['Tanh', ['t'], ['r']],
  ],
  'r',
  { 'inner.weight': weights([5, 5], 4) },
);
const scaled = branch(
  [
    ['Mul', ['hidden', 'scale.weight'], ['t']],
    ['Softplus', ['t'], ['r']],
  ],
  'r',
);
const data = (sign: number) => ({
  x: tensor('float32', [2, 4], (i) => sign * (0.3 + Math.sin(1.7 * i) ** 2)),
  labels: tensor('int64', [2], (i) => i + 1),
});
const count = ({ nodes }: Graph, op: string) => nodes.filter((node) => node.op === op).length;

test('gradients follow the branch that the data select, including weights inside it', async () => {
  const network = await inferNetwork(choosing(own, scaled), runtime);
  expect(count(network.model.graph, 'If')).toBe(0);
  const parameters = groupsOf(network.model).flatMap((group) => group.parameters);
  expect([...parameters].sort()).toEqual(['fc1.weight', 'fc2.weight', 'inner.weight', 'scale.weight']);

  const { graph } = trainingModel(network, planOf(parameters));
  const initial = Object.fromEntries(parameters.map((name) => [name, network.model.graph.initializers.get(name)!]));
  const zeros: string[] = [];
  for (const sign of [1, -1]) {
    const results = await run({ ...network.model, graph }, { ...data(sign), ...initial });
    const idle = parameters.filter((name) => numbers(results[`${name}.grad`]).every((value) => value === 0));
    expect(idle).toHaveLength(1);
    zeros.push(...idle);
    await compareWithDifferences(
      network,
      parameters.filter((name) => !idle.includes(name)),
      data(sign),
    );
  }
  expect(zeros.sort()).toEqual(['inner.weight', 'scale.weight']);
});

test('a division by zero in a branch that is not taken leaves no NaN', async () => {
  const normalized = branch(
    [
      ['Div', ['hidden', 'sum'], ['t']],
      ['Mul', ['t', 'scale.weight'], ['r']],
    ],
    'r',
  );
  const plain = branch([['Add', ['hidden', 'scale.weight'], ['r']]], 'r');
  const network = await inferNetwork(choosing(normalized, plain), runtime);
  const parameters = ['fc1.weight', 'fc2.weight', 'scale.weight'];
  const initial = Object.fromEntries(parameters.map((name) => [name, network.model.graph.initializers.get(name)!]));
  const nothing = { x: tensor('float32', [2, 4], () => 0), labels: data(1).labels };
  const results = await run(trainingModel(network, planOf(parameters)), { ...nothing, ...initial });
  for (const name of parameters) {
    const gradient = numbers(results[`${name}.grad`]);
    expect(gradient.every(Number.isFinite), name).toBe(true);
  }
  expect(numbers(results['scale.weight.grad']).some((value) => value !== 0)).toBe(true);
});

test.each([
  ['of different shapes', branch([['ReduceSum', ['hidden', 'axis'], ['r']]], 'r')],
  ['one of which does not run on any data', branch([['Reshape', ['hidden', 'axis'], ['r']]], 'r')],
])('branches %s stay, and training them is refused by name', async (_, other) => {
  const network = await inferNetwork(choosing(own, other), runtime);
  expect(count(network.model.graph, 'If')).toBe(1);
  expect(obstaclesOf(network, groupsOf(network.model), 'logits')).toEqual([
    expect.objectContaining({ operator: 'If', node: 'choose' }),
  ]);
});

test('an If without weights before it stays unchanged', async () => {
  const source = smallModel({
    opset: 18,
    inputs: { x: ['batch', 5] },
    outputs: { logits: ['batch', 3] },
    initializers: { 'fc.weight': weights([5, 3]), zero: tensor('float32', [1], () => 0) },
    nodes: [
      ['ReduceSum', ['x'], ['sum'], { keepdims: 0 }],
      ['Greater', ['sum', 'zero'], ['positive']],
      [
        'If',
        ['positive'],
        ['chosen'],
        { then_branch: branch([['Neg', ['x'], ['r']]], 'r'), else_branch: branch([['Abs', ['x'], ['r']]], 'r') },
      ],
      ['MatMul', ['chosen', 'fc.weight'], ['logits']],
    ],
  });
  const network = await inferNetwork(source, runtime);
  expect(count(network.model.graph, 'If')).toBe(1);
  expect(obstaclesOf(network, groupsOf(network.model), 'logits')).toEqual([]);
});
