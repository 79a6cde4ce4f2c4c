import { expect, test } from 'vitest';
import type { BatchOptions } from '../../src/data/index.ts';
import {
  exportModel,
  labelsOf,
  metadataOf,
  transformersConfig,
  transformersModel,
  verifyExport,
} from '../../src/export/index.ts';
import { bytesOf, type Model, readModel, type Tensor, tensor, writeModel } from '../../src/onnx/index.ts';
import { nodeRuntime } from '../../src/runtime/node/sessions.ts';
import { classification, predictionsOf } from '../../src/tasks/index.ts';
import { smallModel, tensorAttribute, weights } from '../small-models.ts';
import { classes, classifier, preprocessingFor } from './networks.ts';

const task = classification(classes);
const metadata = { version: '1.2.3', task: task.facts, preprocessing: preprocessingFor() };
const runtime = nodeRuntime();

test('replaces weights in the source graph, and changes nothing else', () => {
  const source = classifier();
  const state = new Map<string, Tensor>([
    ['193', weights([8, 3], 40)],
    ['193.exp_avg', weights([8, 3], 41)],
    ['conv.bias', weights([8], 42)],
    ['conv.bias.exp_avg_sq', weights([8], 43)],
  ]);
  const before = writeModel(source);
  const model = readModel(writeModel(exportModel(source, state, metadata)));
  expect(writeModel(source)).toEqual(before);

  const shapeOf = ({ graph, ...rest }: Model) => ({
    ...rest,
    metadata: undefined,
    graph: { ...graph, initializers: [...graph.initializers.keys()] },
  });
  const undone: Model = {
    ...model,
    graph: {
      ...model.graph,
      nodes: model.graph.nodes.map((node) =>
        node.op === 'Constant' ? { ...node, attributes: { value: tensorAttribute(weights([8, 3], 4)) } } : node,
      ),
    },
  };
  expect(shapeOf(undone)).toEqual(shapeOf(readModel(before)));
  const constant = model.graph.nodes.find(({ op }) => op === 'Constant')!.attributes.value.value as Tensor;
  expect(bytesOf(constant)).toEqual(bytesOf(state.get('193')!));
  const { initializers } = model.graph;
  expect(bytesOf(initializers.get('conv.bias')!)).toEqual(bytesOf(state.get('conv.bias')!));
  for (const name of ['conv.weight', 'head.bias']) {
    expect(bytesOf(initializers.get(name)!)).toEqual(bytesOf(source.graph.initializers.get(name)!));
  }
  expect(model.metadata.origin).toBe('kept');
  expect(metadataOf(model)).toEqual(metadata);
});

test('refuses weights that do not fit the model', () => {
  const attempt = (name: string, shape: number[]) => () =>
    exportModel(classifier(), new Map([[name, weights(shape)]]), metadata);
  expect(attempt('head.weight', [8, 3])).toThrow('no parameter "head.weight"');
  expect(attempt('head.bias.exp_avg', [3])).toThrow('no parameter');
  expect(attempt('193', [3, 8])).toThrow('"193" is float32 [8,3], but its new value is float32 [3,8]');
});

test('frees names in subgraphs too, and renames captured values', async () => {
  const branch = (name: string, scale: number) => ({
    ...smallModel({
      nodes: [
        ['Constant', [], ['logits'], { value: tensor('float32', [], Float32Array.of(scale)) }],
        ['Mul', ['images', 'logits'], [name]],
      ],
      inputs: {},
      outputs: { [name]: ['batch', 3] },
    }).graph,
  });
  const model = smallModel({
    nodes: [
      ['Constant', [], ['pixel_values'], { value: tensor('bool', [], Uint8Array.of(1)) }],
      [
        'If',
        ['pixel_values'],
        ['branch'],
        {
          then_branch: { kind: 'graph', value: branch('a', 2) },
          else_branch: { kind: 'graph', value: branch('b', 3) },
        },
      ],
      ['Identity', ['branch'], ['scores']],
      ['Softmax', ['scores'], ['probabilities']],
    ],
    inputs: { images: ['n', 3] },
    outputs: { probabilities: ['n', 3] },
  });
  const preprocessing = preprocessingFor();
  const shipped = transformersModel({ model, task, preprocessing, input: 'images', output: 'scores' });
  expect(shipped.graph.outputs.map(({ name }) => name)).toEqual(['logits', 'probabilities']);
  const session = await runtime.load(writeModel(shipped));
  const { logits } = await session.run({ pixel_values: tensor('float32', [2, 3], Float32Array.of(1, 2, 3, 4, 5, 6)) });
  expect([...(logits.data as Float32Array)]).toEqual([2, 4, 6, 8, 10, 12]);
});

test('handles swapped names of an input and an output', async () => {
  const model = smallModel({
    nodes: [['Neg', ['logits'], ['pixel_values']]],
    inputs: { logits: [1, 3] },
    outputs: { pixel_values: [1, 3] },
  });
  const preprocessing = preprocessingFor();
  const { graph } = transformersModel({ model, task, preprocessing, input: 'logits', output: 'pixel_values' });
  expect(graph.nodes[0]).toMatchObject({ inputs: ['pixel_values'], outputs: ['logits'] });
});

test('keeps the source’s architecture if transformers.js can classify with it', () => {
  expect(transformersConfig(task, { model_type: 'swin' }).model_type).toBe('swin');
  for (const config of [undefined, null, {}, { model_type: 'clip' }, { model_type: 3 }]) {
    expect(transformersConfig(task, config)).toMatchObject({
      model_type: 'resnet',
      id2label: { 0: 'ant', 1: 'bee', 2: 'wasp' },
      label2id: { ant: 0, bee: 1, wasp: 2 },
      'transformers.js_config': { dtype: 'fp32' },
    });
  }
});

test('labels are in the order of the outputs, or undefined', () => {
  expect(
    labelsOf({ id2label: Object.fromEntries(Array.from({ length: 12 }, (_, i) => [11 - i, `c${11 - i}`])) }),
  ).toEqual(Array.from({ length: 12 }, (_, i) => `c${i}`));
  expect(labelsOf({})).toBeUndefined();
  expect(labelsOf(undefined)).toBeUndefined();
  for (const id2label of [{ 1: 'a', 2: 'b' }, { 0: 3 }, {}, 'ab', 7]) {
    expect(() => labelsOf({ id2label })).toThrow('id2label');
  }
  const own = { 'thaw.version': '1', 'thaw.preprocessing': JSON.stringify(preprocessingFor()) };
  const earlier = { metadata: { ...own, 'thaw.classes': '["ant"]' } };
  expect(metadataOf(earlier)?.task).toEqual({ task: 'classification', classes: ['ant'] });
  const damaged = { metadata: { 'thaw.version': '1', 'thaw.classes': '{', 'thaw.preprocessing': '{}' } };
  expect(() => metadataOf(damaged)).toThrow('damaged');
  expect(metadataOf({ metadata: {} })).toBeUndefined();
});

test('verification fails for a model with outputs that differ from training', async () => {
  const model = smallModel({
    nodes: [['Identity', ['x'], ['y']]],
    inputs: { x: ['batch', 3] },
    outputs: { y: ['batch', 3] },
  });
  const images = Float32Array.of(1, 2, 3, 6, 5, 4);
  const labels = BigInt64Array.of(0n, 1n);
  const indices = [0, 1];
  const source = {
    length: 2,
    async *batches({ only = indices }: BatchOptions) {
      const read = only.flatMap((i) => [...images.subarray(3 * i, 3 * i + 3)]);
      const some = BigInt64Array.from(only, (i) => labels[i]);
      yield { inputs: [tensor('float32', [only.length, 3], Float32Array.from(read))], labels: some, indices: only };
    },
  };
  const verify = (expected = predictionsOf(images, labels, indices), only?: readonly number[]) =>
    verifyExport({
      only,
      model: writeModel(model),
      runtime,
      source,
      preprocessing: metadata.preprocessing,
      task,
      batchSize: 2,
      expected,
      input: 'x',
      output: 'y',
    });
  expect(await verify()).toEqual({ samples: 2, maxDifference: expect.closeTo(0, 6), agreement: 1, holds: true });
  const other = predictionsOf(Float32Array.of(1, 2, 3, 6, 5.1, 4), labels, indices);
  expect(await verify(other)).toMatchObject({ samples: 2, holds: false, maxDifference: expect.closeTo(0.02, 2) });
  const broken = predictionsOf(Float32Array.of(1, 2, 3, Number.NaN, 5, 4), labels, indices);
  expect(await verify(broken)).toMatchObject({ holds: false, maxDifference: Number.POSITIVE_INFINITY });
  expect(await verify(other.slice(0, 1))).toMatchObject({ samples: 1, holds: true });
  expect(await verify(other, [0])).toMatchObject({ samples: 1, holds: true });
  expect(await verify(other, [1])).toMatchObject({ samples: 1, holds: false });
});
