import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { FileRange } from '../../src/node/models/file-range.ts';
import { readModelFile, writeModelFile } from '../../src/node/models/files.ts';
import { type Model, placeOf, type Tensor } from '../../src/onnx/index.ts';
import { digestOf, loadable, loadSession } from '../../src/runtime/index.ts';
import { nodeRuntime } from '../../src/runtime/node/sessions.ts';
import { smallModel, tensor, weights } from '../small-models.ts';

/** Weights of 2 MiB. Only tensors of at least 1 MiB stay outside of an encoded model. */
const model = smallModel({
  nodes: [
    ['MatMul', ['x', 'large'], ['a']],
    ['Add', ['a', 'small'], ['b']],
    ['MatMul', ['b', 'other'], ['y']],
    ['Add', ['state', 'one'], ['state.next']],
  ],
  inputs: { x: ['n', 512], state: [3] },
  outputs: { y: ['n', 512], 'state.next': [3] },
  initializers: {
    large: weights([512, 1024], 1),
    small: weights([1024], 2),
    other: weights([1024, 512], 3),
    one: tensor('float32', [1], () => 1),
  },
});
const feeds = { x: tensor('float32', [2, 512], Math.sin), state: tensor('float32', [3], (i) => i) };

let folder: string;
let file: string;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'thaw-test-large-'));
  file = join(folder, 'model.onnx');
  await writeModelFile(file, model, { externalData: true });
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const runtime = nodeRuntime();
const left = () => readdirSync(tmpdir()).filter((name) => name.startsWith('thaw-weights-')).length;

async function results(given: Model | Uint8Array, resident?: readonly string[]): Promise<Record<string, Tensor>> {
  const session = await loadSession(runtime, given, { resident });
  try {
    return await session.run(feeds);
  } finally {
    await session.release();
  }
}

test('few weights are encoded with the model, many stay outside', () => {
  expect(loadable(model)).toBeInstanceOf(Uint8Array);
  expect(loadable(model, 2 ** 20)).toBe(model);
});

test.each([
  ['in memory', async () => model],
  ['in a file', () => readModelFile(file, { file: 0, tensor: 1000 })],
])('a model gives the same results with its weights %s', async (_, read) => {
  const before = left();
  const large = loadable(await read(), 0);
  expect(large).not.toBeInstanceOf(Uint8Array);
  const expected = await results(loadable(model));
  expect(await results(large)).toEqual(expected);
  expect(await results(large, ['state.next'])).toEqual(await results(loadable(model), ['state.next']));
  expect(left()).toBe(before);
});

test('Thaw does not read weights in a file', async () => {
  const read = await readModelFile(file, { file: 0, tensor: 1000 });
  const large = read.graph.initializers.get('large') as Tensor;
  expect(placeOf(large)).toEqual({ path: `${file}_data`, offset: 0 });
  const reading = vi.spyOn(FileRange.prototype, 'read');
  await results(loadable(read, 0));
  expect(reading.mock.contexts.every((range) => (range as FileRange).length < 2 ** 20)).toBe(true);
  reading.mockRestore();
});

test('a runtime that only accepts encoded models gets one', async () => {
  const { loadLarge: _, ...plain } = runtime;
  const session = await loadSession(plain, loadable(model, 0));
  expect(Object.keys(await session.run(feeds))).toEqual(['y', 'state.next']);
  await session.release();
});

test('the digest covers all weights, wherever they are', async () => {
  const read = await readModelFile(file, { file: 0, tensor: 1000 });
  const digest = await digestOf(loadable(read, 0));
  expect(await digestOf(loadable(model, 0))).toBe(digest);
  const data = (model.graph.initializers.get('other')!.data as Float32Array).slice();
  data[1000] += 1;
  const initializers = new Map([
    ...model.graph.initializers,
    ['other', tensor('float32', [1024, 512], (i) => data[i])],
  ]);
  expect(await digestOf({ ...model, graph: { ...model.graph, initializers } })).not.toBe(digest);
});
