import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { FileRange } from '../../src/node/models/file-range.ts';
import { readModelFile, writeModelFile } from '../../src/node/models/files.ts';
import { byteLengthOf, bytesOf, type Model, modelParts, piecesOf, writeModel } from '../../src/onnx/index.ts';
import { smallModel, tensor, weights } from '../small-models.ts';

/** The large tensor stays in its file. */
const ALL = { file: 0, tensor: 1000 };

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'thaw-deferred-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const model = smallModel({
  nodes: [
    ['MatMul', ['x', 'w'], ['a']],
    ['Add', ['a', 'b'], ['c']],
    ['Gather', ['c', 'i'], ['y'], { axis: 1 }],
  ],
  inputs: { x: ['n', 40] },
  outputs: { y: ['n', 30] },
  initializers: {
    w: weights([40, 50]),
    b: weights([50]),
    i: tensor('int64', [30], (k) => k),
    one: weights([1]),
  },
});

async function written(name: string, externalData: boolean): Promise<string> {
  const path = join(folder, name, 'model.onnx');
  await writeModelFile(path, model, { externalData });
  return path;
}

/** Counts file reads during an action. */
async function reads<T>(what: () => T | Promise<T>): Promise<{ result: T; count: number }> {
  const { read } = FileRange.prototype;
  let count = 0;
  FileRange.prototype.read = function () {
    count++;
    return read.call(this);
  };
  try {
    return { result: await what(), count };
  } finally {
    FileRange.prototype.read = read;
  }
}

describe.each([
  ['in the model', false],
  ['beside it', true],
])('weights %s', (name, external) => {
  test('are the same as in a model that is read completely', async () => {
    const path = await written(name, external);
    const read = await readModelFile(path, ALL);
    expect(writeModel(read)).toEqual(writeModel(await readModelFile(path)));
    expect(bytesOf(read.graph.initializers.get('w')!)).toEqual(bytesOf(model.graph.initializers.get('w')!));
  });

  test('are read on access to their data, and streamed during writing', async () => {
    const path = await written(name, external);
    const { result, count } = await reads(() => readModelFile(path, ALL));
    expect(count).toBe(0);
    const w = result.graph.initializers.get('w')!;
    expect((await reads(() => Buffer.concat([...piecesOf(w)]))).count).toBe(0);
    expect((await reads(() => [byteLengthOf(w), modelParts(result).length])).count).toBe(0);
    const copy = await reads(() => writeModelFile(join(folder, name, 'copy.onnx'), result));
    expect(copy.count).toBe(0);
    expect(readFileSync(join(folder, name, 'copy.onnx'))).toEqual(Buffer.from(writeModel(model)));
    expect((await reads(() => w.data.length)).count).toBe(1);
    // A copy with other data is a separate tensor, and uses no bytes of the file.
    const other = { ...w, data: new Float32Array(2000).fill(1) };
    expect(Buffer.concat([...piecesOf(other)])).toEqual(Buffer.from(bytesOf(other)));
  });

  test('must not change while the model is in use', async () => {
    const path = await written(`${name} changed`, external);
    const read = await readModelFile(path, ALL);
    const file = join(folder, `${name} changed`, external ? 'model.onnx_data' : 'model.onnx');
    utimesSync(file, new Date(0), new Date(0));
    expect(() => read.graph.initializers.get('w')!.data).toThrow(/holds weights of the model, changed or disappeared/);
    rmSync(file);
    expect(() => [...piecesOf(read.graph.initializers.get('w')!)]).toThrow(/changed or disappeared/);
  });
});

test('networks are the same when read in parts', async () => {
  const networks = join(import.meta.dirname, '..', 'fixtures', 'networks');
  const files = readdirSync(networks).filter((name) => name.endsWith('.onnx'));
  for (const file of files.filter((_, i) => i % 10 === 0)) {
    const path = join(networks, file);
    expect(writeModel(await readModelFile(path, { file: 0, tensor: 16 })), file).toEqual(
      writeModel(await readModelFile(path)),
    );
  }
});

test('a damaged file gives the same error', async () => {
  const bytes = Buffer.from(writeModel(model));
  mkdirSync(join(folder, 'damaged'));
  const path = join(folder, 'damaged', 'model.onnx');
  const outcome = (deferral?: typeof ALL) =>
    readModelFile(path, deferral).then(
      (read: Model) => writeModel(read).length,
      (error: Error) => error.message,
    );
  const damages = [
    ...Array.from({ length: 60 }, (_, i) => bytes.subarray(0, Math.floor((i * bytes.length) / 60))),
    ...Array.from({ length: 60 }, (_, i) => {
      const damaged = Buffer.from(bytes);
      damaged[(i * 7) % 400] ^= 1 << (i % 8);
      return damaged;
    }),
  ];
  for (const [i, damaged] of damages.entries()) {
    writeFileSync(path, damaged);
    expect(await outcome(ALL), `damage ${i}`).toEqual(await outcome());
  }
});
