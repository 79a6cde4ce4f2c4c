import { describe, expect, it } from 'vitest';
import { inferShapes } from '../../../src/compiler/shapes/index.ts';
import { evaluationModel, stepModels, trainingModel } from '../../../src/compiler/step/index.ts';
import { selectParameters } from '../../../src/compiler/surgery/index.ts';
import { ThawError } from '../../../src/errors.ts';
import { type Attribute, type Graph, writeModel } from '../../../src/onnx/index.ts';
import { smallModel, tensor, weights } from '../../small-models.ts';
import { prepared, runtime } from '../../training/network.ts';
import { BACKBONE, data, gradientsOf, HEAD, networkOf, numbers, planOf, run } from './contract.ts';

/** Names of the values that the gradient computation reads: the inputs of all nodes that depend on the labels. */
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

describe('the training graph', () => {
  it.each([
    ['head', HEAD],
    ['last:2', ['conv2.weight', 'conv2.bias', ...HEAD]],
    ['all', [...BACKBONE, ...HEAD]],
    ['/bias$/', ['conv1.bias', 'conv2.bias', 'fc.bias']],
    ['conv2.bias', ['conv2.bias']],
  ] as const)(
    'with %s: parameters are inputs, all others are constants with their bytes',
    async (selection, expected) => {
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
    },
  );

  it('of the head alone: no gradient reads or computes any part of the backbone', async () => {
    const { graph } = trainingModel(await networkOf(), planOf(HEAD));
    const reads = backwardReads(graph);
    expect(reads).toContain('f2');
    for (const name of [...BACKBONE, 'pixel_values', 'c1', 'r1', 'c2', 'r2', 'p2', 'fc.weight'])
      expect(reads).not.toContain(name);
    // The forward pass has two convolutions. A convolution's gradient would add more.
    expect(graph.nodes.filter(({ op }) => op.startsWith('Conv')).length).toBe(2);
  });

  it('of a single bias: no weight has a gradient', async () => {
    const { graph } = trainingModel(await networkOf(), planOf(['conv2.bias']));
    const reads = backwardReads(graph);
    for (const name of ['pixel_values', 'r1', 'f2', 'conv1.weight', 'conv2.weight']) expect(reads).not.toContain(name);
    expect(reads).toContain('fc.weight');
  });

  it('has gradients that agree with central differences of eval_model', async () => {
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
  ])('is refused for %s', async (_, name, message) => {
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

  it('is refused if a model value has a name of the contract', async () => {
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

it('a graph that trains a parameter inside a branch is refused, because no gradient would follow', async () => {
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
  expect(stepModels(network, planOf(['v'])).boundary.map(({ name }) => name)).toEqual(['chosen']);
});
