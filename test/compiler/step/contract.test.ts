import { describe, expect, it } from 'vitest';
import { inferShapes } from '../../../src/compiler/shapes/index.ts';
import { evaluationModel, optimizerModel, trainingModel } from '../../../src/compiler/step/index.ts';
import type { Node } from '../../../src/onnx/index.ts';
import { tensor } from '../../small-models.ts';
import { CLASSES, classifier, runtime, SIDE } from '../../training/network.ts';
import { BACKBONE, close, data, HEAD, images, networkOf, numbers, planOf, run, typed } from './contract.ts';

describe('names and types', () => {
  it('omit an output that is not a tensor', async () => {
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

  it('labels of the losses that compare numbers have the shape of the output', async () => {
    const { inputs } = typed(trainingModel(await networkOf(), planOf(HEAD, { loss: 'mse' })).graph);
    expect(inputs.labels).toBe('float32 [batch,3]');
  });

  it('soft labels and a mask are inputs of both graphs', async () => {
    const lossOptions = { softLabels: true, mask: true, labelSmoothing: 0.5 };
    const network = await networkOf();
    const plan = planOf(HEAD, { lossOptions });
    const feeds = {
      pixel_values: images(2),
      labels: tensor('float32', [2, CLASSES], (i) => [0.5, 0.5, 0, 0.1, 0.2, 0.7][i]),
      loss_mask: tensor('float32', [2], (i) => i),
      ...Object.fromEntries(network.model.graph.initializers),
    };
    const losses = [];
    for (const model of [trainingModel(network, plan), evaluationModel(network, plan)]) {
      const { inputs } = typed(model.graph);
      expect([inputs.labels, inputs.loss_mask]).toEqual([`float32 [batch,${CLASSES}]`, 'float32 [batch]']);
      losses.push(numbers((await run(model, feeds)).loss)[0]);
    }
    // Smoothing applies to training only. Only the second sample counts: its cross-entropy.
    const [, , , a, b, c] = numbers((await run(network.model, feeds)).logits);
    const total = Math.log(Math.exp(a) + Math.exp(b) + Math.exp(c));
    const crossEntropy = (p: number, q: number, r: number) => total * (p + q + r) - p * a - q * b - r * c;
    expect(losses[1]).toBeCloseTo(crossEntropy(0.1, 0.2, 0.7), 5);
    expect(losses[0]).toBeCloseTo(crossEntropy(0.05 + 1 / 6, 0.1 + 1 / 6, 0.35 + 1 / 6), 5);
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

describe('a model with several outputs', () => {
  it('keeps their names; a parameter without effect on the loss has the gradient zero', async () => {
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

  it('can compute the loss from the second', async () => {
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
