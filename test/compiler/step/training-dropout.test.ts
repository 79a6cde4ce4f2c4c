import { expect, test } from 'vitest';
import { inferShapes } from '../../../src/compiler/shapes/index.ts';
import { evaluationModel, manifestOf, optimizerModel, trainingModel } from '../../../src/compiler/step/index.ts';
import { groupsOf, obstaclesOf } from '../../../src/compiler/surgery/index.ts';
import { exportModel } from '../../../src/export/index.ts';
import { classification } from '../../../src/tasks/index.ts';
import { smallModel, tensor, weights } from '../../small-models.ts';
import { runtime } from '../../training/network.ts';
import { numbers, planOf, run } from './contract.ts';

/** As `torch.onnx.export` writes it in training mode. The second dropout also outputs its mask. */
const model = smallModel({
  opset: 18,
  inputs: { x: ['batch', 4] },
  outputs: { logits: ['batch', 3] },
  initializers: {
    'fc1.weight': weights([4, 6], 1),
    'fc2.weight': weights([6, 3], 2),
    ratio: tensor('float32', [], () => 0.4),
    training: tensor('bool', [], () => 1),
  },
  nodes: [
    ['Dropout', ['x', 'ratio', 'training'], ['input']],
    ['MatMul', ['input', 'fc1.weight'], ['hidden']],
    ['Tanh', ['hidden'], ['active']],
    ['Dropout', ['active', '', 'training'], ['dropped', 'mask']],
    ['MatMul', ['dropped', 'fc2.weight'], ['scores']],
    ['Cast', ['mask'], ['kept'], { to: 1 }],
    ['ReduceMean', ['kept', 'axis'], ['share'], { keepdims: 1 }],
    ['Add', ['scores', 'share'], ['logits']],
  ],
});
model.graph.initializers.set(
  'axis',
  tensor('int64', [1], () => 1),
);

const trainable = ['fc1.weight', 'fc2.weight'];
const x = tensor('float32', [2, 4], (i) => Math.sin(1.3 * i + 0.4));
const labels = tensor('int64', [2], (i) => i + 1);
const noise = tensor('float32', [2, 6], (i) => ((i * 7) % 12) / 12);

test('dropout in training mode takes its noise from an input, in the training graph only', async () => {
  const network = await inferShapes(model, runtime);
  expect(obstaclesOf(network, groupsOf(network.model), 'logits')).toEqual([]);
  const plan = planOf(trainable);
  const training = trainingModel(network, plan);
  // Nothing before the first dropout trains, so it computes as in evaluation.
  expect(training.graph.inputs.map(({ name }) => name)).toContain('active.noise');
  expect(training.graph.inputs.map(({ name }) => name)).not.toContain('x.noise');
  const evaluation = evaluationModel(network, plan);
  expect(evaluation.graph.inputs.map(({ name }) => name).filter((name) => name.endsWith('.noise'))).toEqual([]);
  const manifest = manifestOf(
    network,
    plan,
    { training, evaluation, optimizer: optimizerModel(network, plan) },
    { sha256: '', groups: groupsOf(network.model) },
  );
  expect(manifest.dropout).toEqual([{ value: 'active', rate: 0.5, whole: undefined }]);

  const initial = Object.fromEntries(trainable.map((name) => [name, network.model.graph.initializers.get(name)!]));
  const feeds = { x, labels, 'active.noise': noise, ...initial };
  const results = await run(training, feeds);
  for (const name of trainable) {
    const gradient = numbers(results[`${name}.grad`]);
    const moved = async (i: number, step: number) => {
      const changed = tensor('float32', initial[name].shape, (k) => numbers(initial[name])[k] + (k === i ? step : 0));
      return numbers((await run(training, { ...feeds, [name]: changed })).loss)[0];
    };
    for (const i of gradient.keys()) {
      const slope = ((await moved(i, 0.01)) - (await moved(i, -0.01))) / 0.02;
      expect(slope, `${name}[${i}]`).toBeCloseTo(gradient[i], 3);
    }
  }
});

test('dropout has no effect in evaluation and in the exported model', async () => {
  const network = await inferShapes(model, runtime);
  const feeds = { x, labels, ...Object.fromEntries(network.model.graph.initializers) };
  const { logits } = await run(evaluationModel(network, planOf(trainable)), feeds);
  const hidden = [0, 1].flatMap((n) =>
    Array.from({ length: 6 }, (_, h) => {
      const w = numbers(network.model.graph.initializers.get('fc1.weight')!);
      return Math.tanh([0, 1, 2, 3].reduce((all, i) => all + numbers(x)[4 * n + i] * w[6 * i + h], 0));
    }),
  );
  const w = numbers(network.model.graph.initializers.get('fc2.weight')!);
  numbers(logits).forEach((value, i) => {
    const [n, c] = [Math.floor(i / 3), i % 3];
    const score = Array.from({ length: 6 }, (_, h) => hidden[6 * n + h] * w[3 * h + c]).reduce((a, b) => a + b, 0);
    expect(value).toBeCloseTo(score + 1, 5);
  });

  const { facts } = classification(['a', 'b', 'c']);
  const exported = exportModel(model, new Map(), {
    version: '1.2.3',
    task: facts,
    preprocessing: { kind: 'text', maxLength: 8 } as never,
  });
  expect(numbers((await run(exported, { x })).logits)).toEqual(numbers(logits));
});
