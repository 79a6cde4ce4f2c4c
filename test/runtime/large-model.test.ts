import { mkdirSync, mkdtempSync, readdirSync, realpathSync, rmSync, symlinkSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { FileRange } from '../../src/node/models/file-range.ts';
import { readModelFile, writeModelFile } from '../../src/node/models/files.ts';
import { type Model, placeOf, type Tensor } from '../../src/onnx/index.ts';
import { digestOf, loadable, loadSession } from '../../src/runtime/index.ts';
import { loadNative } from '../../src/runtime/node/packages.ts';
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

/** The model with some weights in memory. */
async function partlyInMemory(): Promise<Model> {
  const { graph, ...rest } = await readModelFile(file, { file: 0, tensor: 1000 });
  const initializers = new Map([...graph.initializers, ['other', model.graph.initializers.get('other')!]]);
  return { ...rest, graph: { ...graph, initializers } };
}

/** The model with weights in two folders. */
async function inTwoFolders(): Promise<Model> {
  const other = join(folder, 'elsewhere', 'model.onnx');
  mkdirSync(dirname(other), { recursive: true });
  await writeModelFile(other, model, { externalData: true });
  const [{ graph, ...rest }, second] = await Promise.all(
    [file, other].map((path) => readModelFile(path, { file: 0, tensor: 1000 })),
  );
  const initializers = new Map([...graph.initializers, ['other', second.graph.initializers.get('other')!]]);
  return { ...rest, graph: { ...graph, initializers } };
}

/** The model with its weights in its own file, at an odd place. */
async function inTheModel(): Promise<Model> {
  const path = join(folder, 'one.onnx');
  await writeModelFile(path, { ...model, graph: { ...model.graph, name: 'a name that moves the weights' } });
  const read = await readModelFile(path, { file: 0, tensor: 1000 });
  const offsets = ['large', 'other'].map((name) => placeOf(read.graph.initializers.get(name)!)!.offset);
  expect(offsets.some((offset) => offset % 4 !== 0)).toBe(true);
  return read;
}

test.each<[string, () => Promise<Model>, boolean]>([
  ['in memory', async () => model, false],
  ['in a file', () => readModelFile(file, { file: 0, tensor: 1000 }), true],
  ['in a file that is linked', () => readLinked(), true],
  ['in a file and in memory', partlyInMemory, true],
  ['in two folders', inTwoFolders, false],
  ['in the model', inTheModel, false],
])('a model gives the same results with its weights %s', async (_, read, mapsInPlace) => {
  const { InferenceSession } = await loadNative();
  const opened = vi.spyOn(InferenceSession, 'create');
  const before = left();
  const large = loadable(await read(), 0);
  expect(large).not.toBeInstanceOf(Uint8Array);
  const found = await results(large);
  const options = opened.mock.calls.at(-1)![1] as { extra: { session: Record<string, string> } };
  opened.mockRestore();
  // Copies for faster products would take as much memory as the weights.
  expect(options.extra.session.disable_prepacking).toBe('1');
  const mapped = options.extra.session.model_external_initializers_file_folder_path;
  if (mapsInPlace) expect(mapped).toBe(realpathSync(folder));
  else expect(mapped).toContain('thaw-weights-');
  expect(await results(large, ['state.next'])).toEqual(found);
  expect(found).toEqual(await results(loadable(await readModelFile(file, { file: 0, tensor: 1000 }), 0)));
  for (const [name, { data }] of Object.entries(await results(loadable(model)))) {
    const difference = (data as Float32Array).map((value, i) => Math.abs(value - Number(found[name].data[i])));
    expect(Math.max(...difference), name).toBeLessThan(1e-4);
  }
  expect(left()).toBe(before);
});

/** As download caches keep them. */
async function readLinked(): Promise<Model> {
  const linked = join(folder, 'links');
  mkdirSync(linked, { recursive: true });
  for (const name of ['model.onnx', 'model.onnx_data']) {
    rmSync(join(linked, name), { force: true });
    symlinkSync(join(folder, name), join(linked, name));
  }
  return readModelFile(join(linked, 'model.onnx'), { file: 0, tensor: 1000 });
}

test('a model whose weights cannot be written to a disk gets them in memory', async () => {
  const expected = await results(loadable(model, 0));
  const handle = await open(file);
  const full = Object.assign(new Error('no space left on device'), { code: 'ENOSPC', syscall: 'write' });
  const writing = vi.spyOn(Object.getPrototypeOf(handle), 'writeFile').mockRejectedValue(full);
  await handle.close();
  const { InferenceSession } = await loadNative();
  const opened = vi.spyOn(InferenceSession, 'create');
  const before = left();
  const found = await results(loadable(model, 0));
  expect(writing).toHaveBeenCalled();
  expect(opened.mock.calls.at(-1)![1]).toMatchObject({
    externalData: [{ path: 'weights-0' }, { path: 'weights-1' }],
    extra: { session: { disable_prepacking: '1' } },
  });
  vi.restoreAllMocks();
  expect(found).toEqual(expected);
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
