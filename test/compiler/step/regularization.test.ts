import { describe, expect, it } from 'vitest';
import { evaluationModel, trainingModel } from '../../../src/compiler/step/index.ts';
import { tensor } from '../../small-models.ts';
import { data, HEAD, networkOf, numbers, planOf, run, typed } from './contract.ts';

describe('regularization', () => {
  it('dropout takes its noise from an input, and is not in eval_model', async () => {
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
    // A dropped feature of the only sample leaves the feature's weights without a gradient.
    const alone = await run(model, {
      ...data(1),
      ...parameters,
      'f2.noise': tensor('float32', [1, 6], (i) => (i === 2 ? 0 : 0.9)),
    });
    const gradient = numbers(alone['fc.weight.grad']);
    expect(gradient.filter((_, i) => i % 6 === 2)).toEqual([0, 0, 0]);
  });

  it('L2 adds λΣw² of the trainable weights to the loss and 2λw to their gradients, but not to biases and not in eval_model', async () => {
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
