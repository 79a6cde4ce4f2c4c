import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { train } from '../../../src/node/commands/index.ts';
import { evaluate } from '../../../src/node/library/index.ts';
import { openRun } from '../../../src/node/run/index.ts';
import { bytesOf, type Model, readModel, writeModel } from '../../../src/onnx/index.ts';
import type { TrainingSettings } from '../../../src/session/index.ts';
import { smallModel, tensor, weights } from '../../small-models.ts';
import { makeProject, type Project } from './project.ts';

let project: Project;
beforeAll(async () => {
  project = await makeProject({ train: 6, val: 3 });
  writeFileSync(join(project.model, 'model.onnx'), writeModel(normalized()));
});
afterAll(() => project.remove());

/** Two convolutions with batch normalization, and a classifier. */
function normalized(): Model {
  const norm = (name: string, channels: number) => ({
    [`${name}.bn.weight`]: tensor('float32', [channels], () => 1),
    [`${name}.bn.bias`]: weights([channels], 7),
    [`${name}.bn.mean`]: weights([channels], 8),
    [`${name}.bn.var`]: tensor('float32', [channels], (i) => 1 + i / 10),
  });
  const inputs = (name: string) => ['weight', 'bias', 'mean', 'var'].map((part) => `${name}.bn.${part}`);
  return smallModel({
    inputs: { input: ['batch', 3, 16, 16] },
    outputs: { output: ['batch', 5] },
    initializers: {
      'stem.conv.weight': weights([4, 3, 3, 3], 1),
      ...norm('stem', 4),
      'block.conv.weight': weights([8, 4, 3, 3], 3),
      ...norm('block', 8),
      'fc.weight': weights([5, 8], 5),
    },
    nodes: [
      ['Conv', ['input', 'stem.conv.weight'], ['s'], { strides: [2, 2] }, '/stem/conv/Conv'],
      ['BatchNormalization', ['s', ...inputs('stem')], ['sn'], {}, '/stem/bn/BatchNormalization'],
      ['Relu', ['sn'], ['sr'], {}, '/stem/Relu'],
      ['Conv', ['sr', 'block.conv.weight'], ['b'], {}, '/block/conv/Conv'],
      ['BatchNormalization', ['b', ...inputs('block')], ['bn'], {}, '/block/bn/BatchNormalization'],
      ['Relu', ['bn'], ['br'], {}, '/block/Relu'],
      ['GlobalAveragePool', ['br'], ['p'], {}, '/pool'],
      ['Flatten', ['p'], ['f'], {}, '/Flatten'],
      ['Gemm', ['f', 'fc.weight'], ['output'], { transB: 1 }, '/fc/Gemm'],
    ],
  });
}

async function trained(name: string, stages: TrainingSettings['stages']) {
  const out = join(project.folder, name);
  const settings: TrainingSettings = { device: 'cpu', batch: 6, lr: 0.01, augment: 'none', artifacts: false, stages };
  const outcome = await train({ model: project.model, data: project.data, out, settings });
  const { initializers } = readModel(readFileSync(join(out, 'model', 'onnx', 'model.onnx'))).graph;
  const before = normalized().graph.initializers;
  const moved = [...before.keys()].filter(
    (tensor) => String(bytesOf(before.get(tensor)!)) !== String(bytesOf(initializers.get(tensor)!)),
  );
  return { out, outcome, initializers, moved };
}

test('running statistics of thawed layers change, and the export has their last values', async () => {
  const { out, outcome, initializers, moved } = await trained('thawed', [
    { train: 'head', epochs: 1, batchNorm: 'training' },
    { train: 'last:2', epochs: 2, batchNorm: 'training' },
  ]);
  const parts = ['conv.weight', 'bn.weight', 'bn.bias', 'bn.mean', 'bn.var'];
  expect(moved).toEqual([...parts.map((part) => `block.${part}`), 'fc.weight']);
  const { state } = await (await openRun(out)).checkpoint('best');
  for (const name of ['block.bn.mean', 'block.bn.var']) expect(initializers.get(name)).toEqual(state.get(name));
  // The exported model uses these statistics.
  const { loss } = await evaluate({ model: out, data: project.data, settings: { device: 'cpu' } });
  expect(loss).toBeCloseTo(outcome.after!.loss, 4);
});

test('running statistics stay if scale and offset are frozen, even if the convolution before them trains', async () => {
  const { moved } = await trained('weights', [{ train: 'block.conv.weight,head', epochs: 2, batchNorm: 'training' }]);
  expect(moved).toEqual(['block.conv.weight', 'fc.weight']);
});

test('with frozen statistics, only trained parameters change', async () => {
  const { moved } = await trained('frozen', [{ train: 'all', epochs: 1 }]);
  expect(moved.filter((name) => /mean|var/.test(name))).toEqual([]);
  expect(moved).toHaveLength(7);
});
