import { copyFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  findLr,
  inspectModel,
  type JobEvent,
  predict,
  train,
  writeArtifacts,
} from '../../../src/node/commands/index.ts';
import { type Model, writeModel } from '../../../src/onnx/index.ts';
import { smallModel, throughSequence, weights } from '../../small-models.ts';
import { makeProject, type Project, pretrained } from './project.ts';

let project: Project;
beforeAll(async () => {
  project = await makeProject({ train: 3, val: 1 });
});
afterAll(() => project.remove());

function save(name: string, model: Model): string {
  const folder = join(project.folder, name);
  mkdirSync(folder);
  writeFileSync(join(folder, 'model.onnx'), writeModel(model));
  const preprocessing = 'preprocessor_config.json';
  writeFileSync(join(folder, preprocessing), readFileSync(join(project.model, preprocessing)));
  return folder;
}

describe('an operator without a gradient in the middle', () => {
  let model: string;
  beforeAll(() => {
    const blocked = smallModel({
      inputs: { input: ['batch', 3, 16, 16] },
      outputs: { output: ['batch', 5] },
      initializers: {
        'stem.weight': weights([8, 3, 3, 3], 1),
        'neck.weight': weights([8, 8], 2),
        'fc.weight': weights([5, 8], 3),
      },
      nodes: [
        ['Conv', ['input', 'stem.weight'], ['s'], { pads: [1, 1, 1, 1], strides: [2, 2] }, '/stem/Conv'],
        ...throughSequence('s', 'd', '/joined'),
        ['MatMul', ['d', 'neck.weight'], ['n'], {}, '/neck/MatMul'],
        ['Relu', ['n'], ['r'], {}, '/neck/Relu'],
        ['Gemm', ['r', 'fc.weight'], ['output'], { transB: 1 }, '/fc/Gemm'],
      ],
    });
    model = save('blocked', blocked);
  });
  const settings = { device: 'cpu', batch: 4, augment: 'none', epochs: 2 } as const;

  test('is reported by inspect', async () => {
    expect(await inspectModel({ model })).toMatchObject({
      unsupported: [{ operator: 'ConcatFromSequence', node: '/joined' }],
      trainable: 'last:2',
      plan: [{ train: 'head' }, { train: 'last:2' }],
    });
  });

  test('limits the default plan, with a notice', async () => {
    const events: JobEvent[] = [];
    const out = join(project.folder, 'gradual');
    const { status } = await train(
      { model, data: project.data, out, settings },
      { onEvent: (event) => events.push(event) },
    );
    expect(status).toBe('finished');
    expect(events.find(({ type }) => type === 'plan')).toMatchObject({
      stages: [{ train: 'head' }, { train: 'last:2' }],
    });
    expect(events.flatMap((event) => (event.type === 'notice' ? [event.message] : []))).toEqual([
      expect.stringMatching(/^ConcatFromSequence node "\/joined".*Thaw trains last:2 at most, instead of all$/),
    ]);
  });

  test('refuses an explicit selection, before anything is written', async () => {
    const out = join(project.folder, 'by-name');
    const refusal = expect.objectContaining({
      code: 'unsupported-operator',
      line: expect.stringMatching(/ConcatFromSequence node "\/joined".*cuts off stem \(1 of 3 .*--trainable last:2$/),
    });
    const all = { ...settings, trainable: 'all' };
    await expect(train({ model, data: project.data, out, settings: all })).rejects.toThrow(refusal);
    await expect(writeArtifacts({ model, out, trainable: 'all' })).rejects.toThrow(refusal);
    expect(existsSync(out)).toBe(false);
  });
});

describe('refuses a model that cannot be trained, on one line', () => {
  const quantized = smallModel({
    inputs: { input: ['batch', 3, 16, 16] },
    outputs: { output: ['batch', 3] },
    initializers: { scale: weights([]), 'fc.weight': weights([3, 768]) },
    nodes: [
      ['QuantizeLinear', ['input', 'scale'], ['whole'], {}, 'in'],
      ['DequantizeLinear', ['whole', 'scale'], ['float'], {}, 'out'],
      ['Flatten', ['float'], ['flat']],
      ['Gemm', ['flat', 'fc.weight'], ['output'], { transB: 1 }, 'fc'],
    ],
  });
  const { graph } = pretrained();
  const blocked: Model = {
    ...pretrained(),
    graph: {
      ...graph,
      nodes: graph.nodes.map((node) => (node.op === 'Conv' ? { ...node, domain: 'com.microsoft.nchwc' } : node)),
    },
  };

  test.each([
    [
      'quantized',
      quantized,
      /^the model is quantized \(QuantizeLinear node "in"\).*float model.*--quantize`; or .*--quantized straight-through`$/,
    ],
    ['in blocks', blocked, /com\.microsoft\.nchwc\.Conv node "\/stem\/Conv".*"extended"$/],
  ])('%s', async (name, model, line) => {
    const folder = save(name, model);
    const out = join(project.folder, `${name} run`);
    const refusal = expect.objectContaining({ code: 'bad-model', line: expect.stringMatching(line) });
    await expect(train({ model: folder, data: project.data, out })).rejects.toThrow(refusal);
    await expect(inspectModel({ model: folder })).rejects.toThrow(refusal);
    await expect(writeArtifacts({ model: folder, out })).rejects.toThrow(refusal);
    expect(existsSync(out)).toBe(false);
  });
});

describe('names what a model is or has, for every command', () => {
  const segmenter = smallModel({
    inputs: { input: ['batch', 3, 16, 16] },
    outputs: { output: ['batch', 5, 16, 16] },
    initializers: { 'fc.weight': weights([5, 3, 1, 1]) },
    nodes: [['Conv', ['input', 'fc.weight'], ['output'], {}, '/fc']],
  });
  const { graph } = pretrained();
  const bias = { ...graph.initializers.get('fc.bias')!, data: Float32Array.of(1, Number.NaN, 2, 3, 4) };
  const spoiled = {
    ...pretrained(),
    graph: { ...graph, initializers: new Map(graph.initializers).set('fc.bias', bias) },
  };

  test('a segmenter', async () => {
    const folder = save('segmenter', segmenter);
    const line = expect.stringMatching(/^the model is a segmenter \(its output "output" is \[batch, 5, 16, 16\]\)/);
    const refusal = expect.objectContaining({ code: 'bad-model', line });
    await expect(train({ model: folder, data: project.data })).rejects.toThrow(refusal);
    await expect(findLr({ model: folder, data: project.data })).rejects.toThrow(refusal);
    expect(await inspectModel({ model: folder })).toMatchObject({
      kind: { name: 'segmenter' },
      plan: [],
      memory: null,
    });
  });

  test('NaN in a weight', async () => {
    const model = save('spoiled', spoiled);
    const line = expect.stringMatching(
      /^the model's parameter "fc\.bias" has 1 NaN among its 5 values\. Export it again/,
    );
    const refusal = expect.objectContaining({ code: 'bad-model', line });
    await expect(train({ model, data: project.data })).rejects.toThrow(refusal);
    await expect(findLr({ model, data: project.data })).rejects.toThrow(refusal);
    await expect(inspectModel({ model })).rejects.toThrow(refusal);
    const labels = ['a', 'b', 'c', 'd', 'e'];
    await expect(predict({ model, images: [project.data], settings: { labels } }).next()).rejects.toThrow(refusal);
  });

  test('a text encoder, with the head that it would get', async () => {
    expect(await inspectModel({ model: 'test/fixtures/texts/bert' })).toMatchObject({
      kind: { name: 'text encoder' },
      outputs: [{ name: 'last_hidden_state', shape: ['batch', 'sequence', 32] }],
      head: { features: 32, classes: 2 },
      memory: { batch: 16 },
    });
  });
});

test('validation images that are also training images are reported before training', async () => {
  copyFileSync(join(project.data, 'train/blue/1.png'), join(project.data, 'val/red/x.png'));
  const events: JobEvent[] = [];
  const out = join(project.folder, 'shared');
  const settings = { device: 'cpu', augment: 'none', epochs: 1 } as const;
  await train({ model: project.model, data: project.data, out, settings }, { onEvent: (event) => events.push(event) });
  const types = events.map(({ type }) => type);
  const pair = `${join('val', 'red', 'x.png')} = ${join('train', 'blue', '1.png')}`;
  expect(events).toContainEqual({
    type: 'notice',
    message: `also training images: 1 of 4 validation images (1 with another label). Their scores are too good: ${pair}`,
  });
  expect(types.indexOf('notice')).toBeLessThan(types.indexOf('plan'));
});
