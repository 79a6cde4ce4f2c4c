import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { inSinglePrecision } from '../../../src/compiler/import/index.ts';
import {
  exportRun,
  inspectModel,
  type JobEvent,
  resume,
  type TrainingResult,
  train,
  writeArtifacts,
} from '../../../src/node/commands/index.ts';
import { evaluate, predict } from '../../../src/node/library/index.ts';
import {
  bytesOf,
  isHalf,
  type Model,
  narrowed,
  readModel,
  type Tensor,
  widened,
  writeModel,
} from '../../../src/onnx/index.ts';
import { nodeRuntime } from '../../../src/runtime/node/sessions.ts';
import type { TrainingSettings } from '../../../src/session/index.ts';
import { weights } from '../../small-models.ts';
import { makeProject, type Project, pretrained, saveModel } from './project.ts';

const SETTINGS: TrainingSettings = {
  device: 'cpu',
  batch: 6,
  lr: 0.03,
  augment: 'none',
  stages: [
    { train: 'head', epochs: 2 },
    { train: 'last:2', epochs: 2 },
  ],
};

let project: Project;
beforeAll(async () => {
  project = await makeProject({ train: 6, val: 3 });
});
afterAll(() => project.remove());

const save = (name: string, model: Model): string => saveModel(project, name, model);

/** The model with all floats in half precision, including inputs and outputs, and with a fixed batch size. */
function halved(type: 'float16' | 'bfloat16'): Model {
  const model = pretrained({ softmax: true });
  const info = (value: Model['graph']['inputs'][number]) => ({
    ...value,
    type,
    shape: [1, ...(value.shape ?? []).slice(1)],
  });
  return {
    ...model,
    graph: {
      ...model.graph,
      inputs: model.graph.inputs.map(info),
      outputs: model.graph.outputs.map(info),
      initializers: new Map([...model.graph.initializers].map(([name, value]) => [name, narrowed(value, type)])),
    },
  };
}

const shipped = (run: string) => readModel(readFileSync(join(run, 'model', 'onnx', 'model.onnx')));

describe.each(['float16', 'bfloat16'] as const)('a model in %s', (type) => {
  const source = halved(type);
  let run: string;
  let folder: string;
  let outcome: TrainingResult<'classification'>;
  const events: JobEvent[] = [];
  beforeAll(async () => {
    folder = save(type, source);
    run = join(project.folder, `${type}-run`);
    outcome = await train(
      { model: folder, data: project.data, out: run, settings: SETTINGS },
      { onEvent: (event) => events.push(event) },
    );
  });

  test('can be inspected and trained', async () => {
    const { inputs, outputs, trainable, unsupported } = await inspectModel({ model: folder });
    expect([...inputs, ...outputs].map((value) => value.type)).toEqual([type, type]);
    expect([trainable, unsupported]).toEqual(['all', []]);
    expect(outcome).toMatchObject({ status: 'finished', epochs: 4 });
    expect(outcome.after!.accuracy).toBe(1);
  });

  test('is exported in its own type: inputs, outputs, all weights', () => {
    const { graph } = shipped(run);
    expect(graph.inputs).toMatchObject([{ name: 'pixel_values', type, shape: ['batch', 3, 16, 16] }]);
    expect(graph.outputs).toMatchObject([{ name: 'logits', type, shape: ['batch', 3] }]);
    expect([...graph.initializers.values()].map((t) => t.type)).toEqual(Array(6).fill(type));
    expect(graph.initializers.get('fc.weight')!.shape).toEqual([3, 8]);
    expect(graph.nodes.map(({ op }) => op)).toEqual(source.graph.nodes.map(({ op }) => op).slice(0, -1));
  });

  test('keeps the bytes of frozen weights, and rounds trained ones', () => {
    const { initializers } = shipped(run).graph;
    for (const name of ['stem.weight', 'stem.bias'])
      expect(bytesOf(initializers.get(name)!), name).toEqual(bytesOf(source.graph.initializers.get(name)!));
    expect(bytesOf(initializers.get('block.weight')!)).not.toEqual(
      bytesOf(source.graph.initializers.get('block.weight')!),
    );
  });

  test('evaluates and predicts as measured in training', async () => {
    expect(events.find((event) => event.type === 'verified')).toMatchObject({ samples: 9 });
    const { loss, accuracy } = await evaluate({ model: run, data: project.data, settings: { device: 'cpu' } });
    expect(accuracy).toBe(1);
    expect(loss).toBeCloseTo(outcome.after!.loss, 5);
    const file = join(project.data, 'val', 'red', '0.png');
    const [{ label }] = await predict({ model: run, images: [file], settings: { device: 'cpu' } });
    expect(label).toBe('red');
  });

  test('can be exported', async () => {
    const { file, verification } = await exportRun({ run, out: join(project.folder, `${type}.onnx`) });
    expect(verification!.maxDifference).toBeLessThan(1e-5);
    expect(readModel(readFileSync(file)).graph.inputs).toMatchObject([{ name: 'input', type }]);
  });

  test('is compressed with inputs and outputs in float32', async () => {
    const { file, verification } = await exportRun({ run, form: 'int8' });
    expect(verification!.maxDifference).toBeLessThan(0.1);
    const { graph } = readModel(readFileSync(file));
    expect([...graph.inputs, ...graph.outputs].map((value) => value.type)).toEqual(['float32', 'float32']);
    expect(graph.initializers.get('block.weight.int8')).toMatchObject({ type: 'int8', shape: [8, 4, 3, 3] });
  });

  test('can stop and resume', async () => {
    const stopped = join(project.folder, `${type}-stopped`);
    const controller = new AbortController();
    const stop = (event: JobEvent) => event.type === 'epoch' && event.epoch === 3 && controller.abort();
    await train(
      { model: folder, data: project.data, out: stopped, settings: SETTINGS },
      { onEvent: stop, signal: controller.signal },
    );
    await resume(stopped);
    expect(writeModel(shipped(stopped))).toEqual(writeModel(shipped(run)));
  });

  test('has artifacts in float32', async () => {
    const out = join(project.folder, `${type}-artifacts`);
    await writeArtifacts({ model: folder, out, trainable: 'all', classes: 3 });
    const { graph } = readModel(readFileSync(join(out, 'training_model.onnx')));
    expect([...graph.inputs, ...graph.outputs].filter((value) => isHalf(value.type))).toEqual([]);
  });
});

test('ONNX Runtime runs the exported float16 model like its float32 version', async () => {
  const model = shipped(join(project.folder, 'float16-run'));
  const images = narrowed(weights([2, 3, 16, 16]), 'float16');
  const run = async (encoded: Model, input: Tensor) => {
    const session = await nodeRuntime().load(writeModel(encoded));
    const { logits } = await session.run({ pixel_values: input });
    await session.release();
    return logits;
  };
  const own = await run(model, images);
  const single = await run(inSinglePrecision(model), widened(images));
  expect([own.type, single.type]).toEqual(['float16', 'float32']);
  const { buffer, byteOffset, length } = own.data as Uint16Array;
  const found = widened({ ...own, data: new Uint16Array(buffer, byteOffset, length) }).data as Float32Array;
  for (const [i, value] of (single.data as Float32Array).entries()) expect(found[i]).toBeCloseTo(value, 2);
});
