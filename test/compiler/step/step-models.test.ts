import { describe, expect, it } from 'vitest';
import { inferShapes } from '../../../src/compiler/shapes/index.ts';
import {
  evaluationModel,
  evaluationStep,
  optimizerModel,
  prefixModel,
  stepModels,
  type TrainingPlan,
  trainingModel,
} from '../../../src/compiler/step/index.ts';
import type { Tensor } from '../../../src/onnx/index.ts';
import { smallModel, tensor, weights } from '../../small-models.ts';
import { type NetworkOptions, runtime } from '../../training/network.ts';
import { BACKBONE, close, data, HEAD, networkOf, planOf, run } from './contract.ts';

describe('the trainer’s graphs match the artifacts', () => {
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

    const prefix = prefixModel(network, plan, models.boundary);
    const boundary = prefix ? await run(prefix, feeds) : {};
    expect(models.boundary.every(({ name }) => name in boundary || name === 'pixel_values')).toBe(true);
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
    const evaluation = await run(models.evaluation.model, { ...feeds, ...boundary });
    close(evaluation.loss, evaluated.loss);
    close(evaluation.logits, evaluated.logits);
    expect(models.boundary).toEqual(expect.arrayContaining([...models.evaluation.boundary]));
    expect(evaluationStep(network, plan).model.graph).toEqual(models.evaluation.model.graph);
  });

  it('only the prefix contains the frozen part', async () => {
    const network = await networkOf();
    const { step, boundary } = stepModels(network, planOf(HEAD));
    const prefix = prefixModel(network, planOf(HEAD), boundary);
    expect(boundary.map(({ name }) => name)).toEqual(['f2']);
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
    const all = planOf([...BACKBONE, ...HEAD]);
    expect(prefixModel(network, all, stepModels(network, all).boundary)).toBeUndefined();
  });

  it('values computed from frozen weights alone do not cross the boundary', async () => {
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
    expect(boundary.map(({ name }) => name)).toEqual(['h']);
    expect(evaluation.boundary.map(({ name }) => name)).toEqual(['h']);
    for (const { graph } of [step, evaluation.model]) expect([...graph.initializers.keys()]).toContain('last');
  });
});
