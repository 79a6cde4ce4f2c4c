import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type * as Ort from 'onnxruntime-node';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { inferShapes } from '../../../src/compiler/shapes/index.ts';
import { evaluationModel, type Manifest, readSafetensors, trainingModel } from '../../../src/compiler/step/index.ts';
import { replaceFolder } from '../../../src/node/disk/index.ts';
import { readModelFile } from '../../../src/node/models/files.ts';
import { type Tensor, writeModel } from '../../../src/onnx/index.ts';
import { nodeRuntime } from '../../../src/runtime/node/sessions.ts';
import { compileArtifacts } from '../../../src/session/index.ts';
import { smallModel, tensor, weights } from '../../small-models.ts';
import { numbers, planOf, run } from './contract.ts';

const model = smallModel({
  nodes: [
    ['MatMul', ['x', 'body.weight'], ['a']],
    ['Relu', ['a'], ['b']],
    ['MatMul', ['b', 'fc.weight'], ['logits']],
  ],
  inputs: { x: ['batch', 32] },
  outputs: { logits: ['batch', 3] },
  initializers: { 'body.weight': weights([32, 64]), 'fc.weight': weights([64, 3]) },
  opset: 18,
});

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'thaw-external-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Writes artifacts. Frozen weights, if any, go to a separate file. */
async function written(name: string, trainable: readonly string[], oneFile: number) {
  const network = await inferShapes(model, nodeRuntime());
  const plan = planOf(trainable);
  const position = { step: 0, epoch: 0, stage: 1, seed: 1 };
  const files = compileArtifacts(network, plan, new Map(), position, { groups: [], sha256: '' }, oneFile);
  const out = join(folder, name);
  await replaceFolder(out, files);
  const manifest = JSON.parse(readFileSync(join(out, 'manifest.json'), 'utf8')) as Manifest;
  return { network, plan, out, manifest, names: [...files.keys()] };
}

test('both graphs share one file of frozen weights, each stored once', async () => {
  const { network, plan, out, manifest, names } = await written('head', ['fc.weight'], 0);
  expect(names[0]).toBe('weights.onnx_data');
  expect(manifest.externalData).toBe('weights.onnx_data');
  const { initializers } = network.model.graph;
  const largest = initializers.get('body.weight')!.data as Float32Array;
  const held = readFileSync(join(out, 'weights.onnx_data'));
  expect(held.length).toBeLessThan(1.5 * largest.byteLength);
  expect(held.includes(Buffer.from(largest.buffer, largest.byteOffset, largest.byteLength))).toBe(true);
  for (const [file, model] of [
    ['training_model.onnx', trainingModel(network, plan)],
    ['eval_model.onnx', evaluationModel(network, plan)],
  ] as const) {
    expect(readFileSync(join(out, file)).length).toBeLessThan(writeModel(model).length - largest.byteLength / 2);
    expect(writeModel(await readModelFile(join(out, file)))).toEqual(writeModel(model));
  }
});

test('ONNX Runtime loads such a step from its file', async () => {
  const { network, plan, out } = await written('run', ['fc.weight'], 0);
  const { InferenceSession, Tensor } = createRequire(import.meta.url)('onnxruntime-node') as typeof Ort;
  const session = await InferenceSession.create(join(out, 'training_model.onnx'));
  const { tensors } = readSafetensors(readFileSync(join(out, 'checkpoint.safetensors')));
  const feeds: Record<string, Tensor> = {
    x: tensor('float32', [2, 32], Math.sin),
    labels: tensor('int64', [2], (i) => i),
    ...Object.fromEntries(tensors),
  };
  const results = await session.run(
    Object.fromEntries(
      Object.entries(feeds).map(([name, { type, data, shape }]) => [
        name,
        new Tensor(type as 'float32', data as Float32Array, shape),
      ]),
    ),
  );
  const expected = await run(trainingModel(network, plan), feeds);
  for (const name of session.outputNames)
    expect(Array.from(results[name].data as Float32Array)).toEqual(numbers(expected[name]));
  await session.release();
});

test('graphs with few frozen weights need no second file', async () => {
  expect((await written('small', ['fc.weight'], 2 ** 30)).manifest.externalData).toBeNull();
  const all = await written('all', ['body.weight', 'fc.weight'], 1000);
  expect(all.manifest.externalData).toBeNull();
  expect(all.names).not.toContain('weights.onnx_data');
});
