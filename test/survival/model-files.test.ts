// Models and cache entries are flushed to disk when written, so a power loss cannot remove them.
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { writeJson } from '../../src/node/models/cache.ts';
import { readModelFile, writeModelFile } from '../../src/node/models/files.ts';
import { writeModel } from '../../src/onnx/index.ts';
import { smallModel, weights } from '../small-models.ts';
import { Journal } from './power-loss.ts';

const disk = await vi.hoisted(async () => new (await import('./disk.ts')).Disk());
vi.mock('node:fs/promises', async (original) => disk.over(await original()));

const model = smallModel({
  inputs: { x: ['N', 40] },
  outputs: { y: ['N', 50] },
  initializers: { w: weights([40, 50]) },
  nodes: [['MatMul', ['x', 'w'], ['y']]],
});

let folder: string;
let watched: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'thaw-models-'));
  watched = join(folder, 'watched');
  mkdirSync(watched);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** The files that remain when a power loss removes everything that was not flushed. */
async function afterLoss(act: (path: string) => Promise<void>): Promise<string> {
  disk.watch(watched);
  await act(watched);
  const journal = new Journal(watched);
  for (const operation of disk.done) journal.take(operation);
  const left = join(folder, 'left');
  rmSync(left, { recursive: true, force: true });
  journal.lose(left, 'none');
  return left;
}

test('a power loss leaves a model and the weights next to it', async () => {
  const left = await afterLoss((path) =>
    writeModelFile(join(path, 'new', 'model.onnx'), model, { externalData: true }),
  );
  expect(writeModel(await readModelFile(join(left, 'new', 'model.onnx')))).toEqual(writeModel(model));
});

test('a power loss leaves the entries of a cache', async () => {
  const left = await afterLoss((path) => writeJson(join(path, 'cache', 'source.json'), { a: 1 }));
  expect(JSON.parse(readFileSync(join(left, 'cache', 'source.json'), 'utf8'))).toEqual({ a: 1 });
});
