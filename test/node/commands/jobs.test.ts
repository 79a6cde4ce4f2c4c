import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { nearestHint } from '../../../src/nearest.ts';
import { findLr, inspectModel, writeArtifacts } from '../../../src/node/commands/index.ts';
import { evaluate, predict } from '../../../src/node/library/index.ts';
import { readModel, tensor, writeModel } from '../../../src/onnx/index.ts';
import { nodeRuntime } from '../../../src/runtime/node/sessions.ts';
import { choosePreprocessing, readSettings } from '../../../src/session/index.ts';
import { smallModel, weights } from '../../small-models.ts';
import { makeProject, type Project, pretrained, SIDE } from './project.ts';

let project: Project;
beforeAll(async () => {
  project = await makeProject({ train: 4, val: 2 });
});
afterAll(() => project.remove());

const lone = (name: string, model = pretrained()): string => {
  const folder = join(project.folder, name);
  mkdirSync(folder, { recursive: true });
  const file = join(folder, `${name}.onnx`);
  writeFileSync(file, writeModel(model));
  return file;
};

describe('settings', () => {
  test('accept options of schedule, optimizer and loss as separate settings', () => {
    const settings = readSettings({ warmup: 0, schedule: 'linear', weightDecay: 0.1, labelSmoothing: 0.2 });
    expect(settings.schedule).toMatchObject({ name: 'linear', warmup: 0 });
    expect(settings.optimizer).toEqual({ name: 'adamw', weightDecay: 0.1 });
    expect(settings.loss).toEqual({ name: 'cross-entropy', labelSmoothing: 0.2 });
  });

  test('stay valid settings once resolved', () => {
    const settings = readSettings({ epochs: 3, optimizer: 'sgd', momentum: 0.8, augment: 'none' });
    expect(readSettings(JSON.parse(JSON.stringify(settings)))).toEqual(settings);
  });

  test.each([
    [{ epoch: 3 }, /Did you mean epochs/],
    [{ lr: -1 }, /lr/],
    [{ warmup: 2 }, /warmup/],
    [{ optimizer: { name: 'adam', beta3: 1 } }, /optimizer/],
  ])('refuses %j with the name', (input, message) => {
    expect(() => readSettings(input)).toThrow(expect.objectContaining({ code: 'bad-config' }));
    try {
      readSettings(input);
    } catch (error) {
      expect((error as { line: string }).line).toMatch(message);
    }
  });
});

test('suggests the nearest name if one is close', () => {
  expect(nearestHint('trian', ['train', 'resume'])).toBe('Did you mean train?');
  expect(nearestHint('xyz', ['train', 'resume'])).toBe('There are: train, resume');
});

describe('preprocessing', () => {
  const json = { do_resize: true, size: { height: SIDE, width: SIDE }, do_normalize: false };

  test('comes from the folder, with changes by the settings', () => {
    const { from, preprocessing } = choosePreprocessing(pretrained(), json, { mean: [1, 2, 3] });
    expect(from).toBe('folder');
    expect(preprocessing).toMatchObject({ width: SIDE, mean: [1, 2, 3], std: [1, 1, 1] });
  });

  test('defaults to ImageNet at the size of the model', () => {
    const { from, preprocessing } = choosePreprocessing(pretrained(), undefined, {});
    expect(from).toBe('assumed');
    expect(preprocessing).toMatchObject({ width: SIDE, height: SIDE, layout: 'nchw', mean: [0.485, 0.456, 0.406] });
  });

  test('refuses an input that is not float, by name', () => {
    const bytes = smallModel({ nodes: [], inputs: { x: ['n', 3, 8, 8] }, types: { x: 'uint8' }, outputs: {} });
    expect(() => choosePreprocessing(bytes, undefined, {})).toThrow(/input "x" takes uint8/);
  });

  test('follows the layout and channels of the input', () => {
    const last = smallModel({ nodes: [], inputs: { x: ['n', 20, 30, 1] }, outputs: {} });
    const { preprocessing } = choosePreprocessing(last, undefined, {});
    expect(preprocessing).toMatchObject({ height: 20, width: 30, layout: 'nhwc', channels: 'grey' });
  });

  test('is refused if it does not fit the input', () => {
    expect(() => choosePreprocessing(pretrained(), json, { size: 32 })).toThrow(/\[N, 3, 32, 32\]/);
  });
});

describe('a model that is not a run', () => {
  test('needs a list of labels, and its Softmax is applied once', async () => {
    const model = lone('softmax', pretrained({ softmax: true }));
    const images = [join(project.data, 'val', 'red', '0.png')];
    await expect(predict({ model, images })).rejects.toMatchObject({ code: 'bad-config' });
    const labels = ['a', 'b', 'c', 'd', 'e'];
    const scale = { preprocessing: 'unit', labels, device: 'cpu' } as const;
    const [softmax] = await predict({ model, images, settings: scale });
    const [logits] = await predict({ model: lone('logits'), images, settings: scale });
    for (const label of labels) expect(softmax.probabilities[label]).toBeCloseTo(logits.probabilities[label], 5);
    const few = predict({ model, images, settings: { labels: ['a', 'b'] } });
    await expect(few).rejects.toMatchObject({ message: 'there are 2 labels, and the model has 5 outputs' });
  });

  test('a model that ONNX Runtime cannot run on images is an error of the model', async () => {
    const model = pretrained();
    const { graph } = model;
    const initializers = new Map([...graph.initializers, ['seven', tensor('int64', [1], BigInt64Array.of(7n))]]);
    const nodes = graph.nodes.map((node) =>
      node.op === 'Flatten' ? { ...node, op: 'Reshape', inputs: [node.inputs[0], 'seven'] } : node,
    );
    const broken = lone('broken', { ...model, graph: { ...graph, initializers, nodes } });
    const images = [join(project.data, 'val', 'red')];
    await expect(
      predict({ model: broken, images, settings: { preprocessing: 'unit', labels: [...'abcde'], device: 'cpu' } }),
    ).rejects.toMatchObject({
      code: 'bad-model',
      message: expect.stringMatching(/ONNX Runtime cannot (run|load) the model/),
    });
  });

  test('is evaluated on its own classes, with its own loss', async () => {
    const labels = ['blue', 'green', 'red', 'x', 'y'];
    const request = { model: lone('five'), data: project.data, settings: { labels, device: 'cpu' as const } };
    const { loss, accuracy, perClass, confusion } = await evaluate(request);
    expect(perClass.map(({ support }) => support)).toEqual([2, 2, 2, 0, 0]);
    expect(confusion.flat().reduce((a, b) => a + b, 0)).toBe(6);
    const predicted = await predict({
      model: request.model,
      images: [join(project.data, 'val')],
      settings: request.settings,
    });
    const truth = (file: string) => file.split('/').at(-2)!;
    const mean = predicted.reduce((all, p) => all - Math.log(p.probabilities[truth(p.file)]), 0) / predicted.length;
    expect(loss).toBeCloseTo(mean, 5);
    expect(accuracy).toBeCloseTo(predicted.filter((p) => p.label === truth(p.file)).length / 6);
    await expect(evaluate({ ...request, split: 'test' })).rejects.toMatchObject({ code: 'bad-data' });
  });
});

describe('writeArtifacts', () => {
  test('compiles a new head, a selection, a loss and an optimizer', async () => {
    const out = join(project.folder, 'artifacts');
    const manifest = await writeArtifacts({
      model: lone('source'),
      out,
      classes: 3,
      trainable: '/bias$/',
      loss: 'mse',
      optimizer: 'sgd',
    });
    expect(manifest.parameters.trainable.map(({ name }) => name)).toEqual(['stem.bias', 'block.bias', 'fc.bias']);
    expect(manifest).toMatchObject({
      labels: { type: 'float32', shape: ['batch', 3] },
      loss: { name: 'mse' },
      optimizer: { name: 'sgd', slots: ['momentum'] },
    });
    for (const file of ['training_model', 'eval_model', 'optimizer_model'])
      expect(existsSync(join(out, `${file}.onnx`))).toBe(true);
    const again = writeArtifacts({ model: lone('source'), out });
    await expect(again).rejects.toMatchObject({ code: 'bad-config' });
  });

  test('accepts the training settings that change the graphs', async () => {
    const out = join(project.folder, 'artifacts-settings');
    const manifest = await writeArtifacts({
      ...{ model: lone('source'), out, classes: 3, lora: 2, clip: { adaptive: 0.01 } },
      ...{ l1: 0.01, l2sp: 0.1, distill: 0.5, layerDecay: 0.5, dropout: 0.2 },
    });
    const { trainable } = manifest.parameters;
    expect(trainable.map(({ name }) => name)).toEqual([
      ...['stem.weight', 'block.weight'].flatMap((name) => [`${name}.lora_A`, `${name}.lora_B`]),
      ...['fc.weight', 'fc.bias'],
    ]);
    expect(manifest).toMatchObject({ clip: { adaptive: 0.01 }, l1: 0.01, l2sp: { alpha: 0.1, beta: 0.01 } });
    expect(manifest.dropout).toMatchObject([{ rate: 0.2 }]);
    const decayed = await writeArtifacts({
      ...{ model: lone('source'), out: join(project.folder, 'artifacts-decay'), trainable: 'all', layerDecay: 0.5 },
    });
    expect(Object.fromEntries(decayed.parameters.trainable.map((p) => [p.group, p.learningRateScale]))).toEqual({
      ...{ stem: 0.25, block: 0.5, fc: 1 },
    });
    for (const folder of [out, join(project.folder, 'artifacts-decay')])
      for (const file of ['training_model', 'eval_model', 'optimizer_model'])
        await (await nodeRuntime().load(readFileSync(join(folder, `${file}.onnx`)))).release();
  });

  test('compiles losses over pixels and tokens', async () => {
    const segmentation = smallModel({
      nodes: [
        ['Conv', ['x', 'stem.weight'], ['h'], { kernel_shape: [3, 3], pads: [1, 1, 1, 1] }],
        ['Relu', ['h'], ['r']],
        ['Conv', ['r', 'head.weight'], ['y'], { kernel_shape: [1, 1] }],
      ],
      inputs: { x: ['n', 3, 8, 6] },
      outputs: { y: ['n', 5, 8, 6] },
      initializers: { 'stem.weight': weights([4, 3, 3, 3]), 'head.weight': weights([5, 4, 1, 1]) },
    });
    const file = lone('segmentation', segmentation);
    const out = join(project.folder, 'pixels');
    const refused = writeArtifacts({ model: file, out });
    await expect(refused).rejects.toThrow(/the output "y" is \[.*, 5, 8, 6\]/);
    const loss = { name: 'cross-entropy', axis: 1, ignoreLabel: 255, mask: true } as const;
    const manifest = await writeArtifacts({
      ...{ model: file, out, trainable: 'all', loss, optimizer: { name: 'adam', amsgrad: true } },
    });
    expect(manifest).toMatchObject({
      labels: { type: 'int64', shape: [expect.any(String), 8, 6] },
      mask: { name: 'loss_mask', type: 'float32', shape: [expect.any(String), 8, 6] },
      loss: { options: { axis: 1, ignoreLabel: 255 } },
      optimizer: { slots: ['exp_avg', 'exp_avg_sq', 'max_exp_avg_sq'] },
    });

    const tokens = smallModel({
      nodes: [
        ['Gather', ['embedding.weight', 'ids'], ['e']],
        ['MatMul', ['e', 'head.weight'], ['y']],
      ],
      inputs: { ids: ['n', 't'] },
      outputs: { y: ['n', 't', 7] },
      types: { ids: 'int64' },
      initializers: { 'embedding.weight': weights([11, 4]), 'head.weight': weights([4, 7]) },
    });
    const folder = join(project.folder, 'tokens-artifacts');
    const { labels, mask } = await writeArtifacts({
      model: lone('tokens', tokens),
      out: folder,
      trainable: '*.weight',
    });
    expect([labels.shape.length, mask]).toEqual([2, null]);
    const session = await nodeRuntime().load(readFileSync(join(folder, 'training_model.onnx')));
    const results = await session.run({
      ids: tensor('int64', [1, 2], BigInt64Array.of(3n, 5n)),
      labels: tensor('int64', [1, 2], BigInt64Array.of(6n, -100n)),
      ...Object.fromEntries(tokens.graph.initializers),
    });
    await session.release();
    // An ignored token has no gradient.
    const rows = results['embedding.weight.grad'].data as Float32Array;
    expect(rows.subarray(12, 16).some((g) => g !== 0)).toBe(true);
    expect(rows.subarray(20, 24).every((g) => g === 0)).toBe(true);
  });

  test('reports graphs that cannot be written', async () => {
    const model = lone('source');
    const inFile = writeArtifacts({ model, out: join(model, 'artifacts') });
    await expect(inFile).rejects.toMatchObject({ code: 'run-directory' });
  });

  test('refuses a model without parameters', async () => {
    const bare = smallModel({
      nodes: [['ReduceMean', ['x'], ['y'], { axes: [2, 3], keepdims: 0 }]],
      inputs: { x: ['n', 3, 8, 8] },
      outputs: { y: ['n', 3] },
    });
    const refused = writeArtifacts({
      model: lone('bare', bare),
      out: join(project.folder, 'bare-artifacts'),
      trainable: 'all',
    });
    await expect(refused).rejects.toThrow('the model has no parameters in "all"');
  });

  test('takes the logits before a Softmax, and runs', async () => {
    const out = join(project.folder, 'artifacts-softmax');
    const manifest = await writeArtifacts({ model: lone('probabilities', pretrained({ softmax: true })), out });
    expect(manifest).toMatchObject({ output: 'scores', outputs: [{ name: 'output' }] });
    const session = await nodeRuntime().load(readFileSync(join(out, 'training_model.onnx')));
    const { initializers } = pretrained().graph;
    const results = await session.run({
      input: tensor('float32', [2, 3, SIDE, SIDE], new Float32Array(2 * 3 * SIDE * SIDE).fill(0.3)),
      labels: tensor('int64', [2], BigInt64Array.of(0n, 4n)),
      'fc.weight': initializers.get('fc.weight')!,
      'fc.bias': initializers.get('fc.bias')!,
    });
    await session.release();
    // ∂loss/∂bias = mean of (softmax − onehot); both samples are the same.
    const probabilities = (results.output.data as Float32Array).slice(0, 5);
    const expected = probabilities.map((p, i) => p - (i === 0 || i === 4 ? 0.5 : 0));
    (results['fc.bias.grad'].data as Float32Array).forEach((g, i) => {
      expect(g).toBeCloseTo(expected[i], 6);
    });
  });

  test('gives new nodes other names than those of a model from Thaw', async () => {
    const model = pretrained();
    const nodes = model.graph.nodes.map((node) => ({ ...node, name: `${node.op}/${node.op.toLowerCase()}` }));
    const named = {
      ...model,
      graph: { ...model.graph, nodes: nodes.map((node, i) => (i === 2 || i === 3 ? model.graph.nodes[i] : node)) },
    };
    const out = join(project.folder, 'artifacts-names');
    await writeArtifacts({ model: lone('named', named), out, trainable: 'all' });
    const { graph } = readModel(readFileSync(join(out, 'training_model.onnx')));
    const names = graph.nodes.map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
    await (await nodeRuntime().load(readFileSync(join(out, 'training_model.onnx')))).release();
  });

  test('refuses an output that does not fit the loss', async () => {
    const map = smallModel({
      inputs: { x: ['batch', 3, 8, 8] },
      outputs: { y: ['batch', 4, 8, 8] },
      initializers: { w: pretrained().graph.initializers.get('stem.weight')! },
      nodes: [['Conv', ['x', 'w'], ['y'], { pads: [1, 1, 1, 1] }]],
    });
    const refused = writeArtifacts({ model: lone('map', map), out: join(project.folder, 'map-artifacts') });
    await expect(refused).rejects.toMatchObject({ code: 'bad-config', hint: expect.stringContaining('--loss') });
  });
});

test('inspectModel returns groups, head, plan and memory; no memory for a model that Thaw cannot train', async () => {
  const inspection = await inspectModel({ model: project.model });
  expect(inspection.groups.map(({ name, count }) => [name, count])).toEqual([
    ['stem', 112],
    ['block', 296],
    ['fc', 45],
  ]);
  expect(inspection.head).toMatchObject({ weight: 'fc.weight', classes: 5, features: 8 });
  expect(inspection.unsupported).toEqual([]);
  expect(inspection.memory!.all).toBeGreaterThan(inspection.memory!.head);
  const maps = smallModel({
    inputs: { x: ['batch', 8, 4, 4] },
    outputs: { y: ['batch', 4, 4, 4] },
    initializers: { w: weights([4, 8, 1, 1]) },
    nodes: [['Conv', ['x', 'w'], ['y']]],
  });
  expect((await inspectModel({ model: lone('maps', maps) })).memory).toBeNull();
});

describe('findLr', () => {
  test('sweeps a model', async () => {
    const { points, suggestion, suggestions } = await findLr({
      model: project.model,
      data: project.data,
      from: 1e-5,
      to: 10,
      steps: 40,
      settings: { device: 'cpu', batch: 6, augment: 'none' },
    });
    expect(points[0].lr).toBe(1e-5);
    expect(points.length).toBeGreaterThan(20);
    expect(suggestion).toBe(suggestions!.steep);
    expect(suggestion).toBeGreaterThan(1e-3);
    expect(suggestion).toBeLessThan(5);
    const backwards = findLr({ model: project.model, data: project.data, from: 1, to: 0.1 });
    await expect(backwards).rejects.toMatchObject({ code: 'bad-config' });
  });
});
