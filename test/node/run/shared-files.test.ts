// Files that checkpoints share, and files that runs share.
import { createHash } from 'node:crypto';
import { mkdir, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { writeSafetensors } from '../../../src/compiler/step/index.ts';
import { createRun, type KnownSources, openRun, type RunWriter, resumeRun } from '../../../src/node/run/index.ts';
import { type Checkpoint, checkpointFile } from '../../../src/training/index.ts';
import { smallModel, weights } from '../../small-models.ts';
import { checkpointAt, identity, row } from './fixture.ts';
import { temporaryFolders } from './folders.ts';

const temporaryFolder = temporaryFolders();
const model = smallModel({
  nodes: [['MatMul', ['x', 'w'], ['y']]],
  inputs: { x: ['batch', 3] },
  outputs: { y: ['batch', 2] },
  initializers: { w: weights([3, 2]) },
});

async function newRun(known?: KnownSources): Promise<RunWriter> {
  const run = await createRun({ out: join(await temporaryFolder(), 'run'), data: 'images' });
  await run.writeConfig({});
  await run.saveSource({ model, identity, about: {} }, known);
  return run;
}

const rows = Array.from({ length: 40 }, (_, i) => row(i + 1));

/** @param seconds of the third epoch */
function after(epochs: number, seconds = 0.1): Checkpoint {
  const { progress, state } = checkpointAt(epochs);
  const own = rows.slice(0, epochs).map((one) => (one.epoch === 3 ? { ...one, seconds } : one));
  return { progress: { ...progress, epoch: epochs, rows: own }, state };
}

const file = (run: RunWriter, ...path: string[]) => join(run.path, 'checkpoints', ...path);
const CHECKPOINT = ['last', 'checkpoint.safetensors'];

test('a checkpoint does not grow with the epochs, and has their rows', async () => {
  const run = await newRun();
  const sizes: number[] = [];
  for (let epochs = 1; epochs <= rows.length; epochs++) {
    await run.saveCheckpoint('last', after(epochs));
    if (epochs === 1 || epochs === rows.length) sizes.push((await stat(file(run, ...CHECKPOINT))).size);
  }
  expect(sizes[1] - sizes[0]).toBeLessThan(100);
  expect((await run.checkpoint('last')).progress).toEqual(after(rows.length).progress);
  const lines = (await readFile(file(run, 'rows.jsonl'), 'utf8')).trimEnd().split('\n');
  expect(lines.length).toBe(rows.length);
  // The start of the epoch, to which a rollback returns, has them too.
  await run.saveCheckpoint('last', { ...after(3), epochStart: after(3) });
  expect((await run.checkpoint('last')).epochStart?.progress.rows).toEqual(after(3).progress.rows);
  await run.release();
});

test('the best and the last checkpoint of an epoch are one file, which later ones leave unchanged', async () => {
  const run = await newRun();
  const inode = async (...path: string[]) => (await stat(file(run, ...path))).ino;
  const epochs = async (kind: 'best' | 'last') => (await run.checkpoint(kind)).progress.epoch;
  for (const epoch of [1, 2]) {
    const checkpoint = after(epoch);
    await run.saveCheckpoint('best', checkpoint);
    await run.saveCheckpoint('last', checkpoint);
  }
  expect(await inode('best', 'checkpoint.safetensors')).toBe(await inode(...CHECKPOINT));
  await run.saveCheckpoint('last', after(3));
  expect([await epochs('best'), await epochs('last')]).toEqual([2, 3]);
  await truncate(file(run, 'best', 'checkpoint.safetensors'), 100);
  expect([await epochs('best'), await epochs('last')]).toEqual([1, 3]);
  await run.release();
});

test('a checkpoint whose file cannot be shared is written', async () => {
  const run = await newRun();
  const checkpoint = after(1);
  await run.saveCheckpoint('best', checkpoint);
  await rm(file(run, 'best'), { recursive: true });
  await run.saveCheckpoint('last', checkpoint);
  expect((await run.checkpoint('last')).progress).toEqual(checkpoint.progress);
  await run.release();
});

test('a run that resumes from an earlier checkpoint replaces later rows once it has its own', async () => {
  const run = await newRun();
  for (const epochs of [1, 2, 3]) await run.saveCheckpoint('last', after(epochs));
  await run.saveCheckpoint('best', after(3));
  await run.release();
  await writeFile(file(run, 'rows.jsonl'), '{"epoch":4,"st', { flag: 'a' });

  const again = await resumeRun(run.path);
  await again.saveCheckpoint('last', after(2));
  expect((await again.checkpoint('best')).progress).toEqual(after(3).progress);
  await again.saveCheckpoint('last', after(3, 7));
  expect((await again.checkpoint('last')).progress).toEqual(after(3, 7).progress);
  await expect(again.checkpoint('best')).rejects.toThrow('rows.jsonl is damaged');
  await again.saveCheckpoint('last', after(4, 7));
  await truncate(file(run, 'rows.jsonl'), (await stat(file(run, 'rows.jsonl'))).size - 1);
  expect(await again.newest()).toMatchObject({
    progress: after(3, 7).progress,
    notice: expect.stringContaining('does not have the 4 rows of the checkpoint'),
  });
  await again.release();
});

test('reads checkpoints that have their own rows', async () => {
  const run = await newRun();
  const blank = '0'.repeat(64);
  const written = (sha256: string) =>
    Buffer.from(writeSafetensors(checkpointFile(after(3), { sha256, identity: JSON.stringify(identity) })));
  await mkdir(file(run, 'last'));
  await writeFile(file(run, ...CHECKPOINT), written(createHash('sha256').update(written(blank)).digest('hex')));
  expect((await run.checkpoint('last')).progress).toEqual(after(3).progress);
  await run.release();
});

test('runs share an equal model file, and each keeps it without the others', async () => {
  const known: KnownSources = new Map();
  const [first, second] = [await newRun(known), await newRun(known)];
  const inode = async (run: RunWriter) => (await stat(file(run, 'source.onnx'))).ino;
  expect(await inode(second)).toBe(await inode(first));
  await first.release();
  await rm(first.path, { recursive: true });
  expect((await second.source()).model.graph.nodes.length).toBe(1);
  const third = await newRun(known);
  expect(await inode(third)).toBe(await inode(second));

  // A damaged file is not shared, and a new process finds those of existing runs.
  await truncate(file(third, 'source.onnx'), 20);
  const fourth = await newRun(known);
  expect((await fourth.source()).identity).toEqual(identity);
  const found: KnownSources = new Map();
  await (await openRun(fourth.path)).rememberSource(found);
  const fifth = await newRun(found);
  expect(await inode(fifth)).toBe(await inode(fourth));
  for (const run of [second, third, fourth, fifth]) await run.release();
});
