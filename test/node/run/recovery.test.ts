// The checkpoint that a run resumes from, and the one that it ships, after kills and damages.
import { link, mkdir, readdir, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { createRun, type RunWriter, resumeRun } from '../../../src/node/run/index.ts';
import type { Checkpoint } from '../../../src/training/index.ts';
import { smallModel } from '../../small-models.ts';
import { checkpointAt, identity } from './fixture.ts';
import { temporaryFolders } from './folders.ts';

const temporaryFolder = temporaryFolders();
const model = smallModel({
  nodes: [['Relu', ['x'], ['y']]],
  inputs: { x: ['batch', 3] },
  outputs: { y: ['batch', 3] },
});

async function newRun(): Promise<RunWriter> {
  const run = await createRun({ out: join(await temporaryFolder(), 'run'), data: 'images' });
  await run.writeConfig({ seed: 3 });
  await run.writeFile('record.json', '{}');
  await run.saveSource({ model, identity, about: {} });
  return run;
}

/** After an epoch of ten steps. @param best the best epoch so far */
function after(epoch: number, best: number): Checkpoint {
  const { progress, state } = checkpointAt(epoch * 10);
  return { progress: { ...progress, epoch, best: { epoch: best, loss: 1, accuracy: 1 } }, state };
}

test('a run killed before its source was saved starts again under the same name', async () => {
  const run = await newRun();
  await run.release();
  const sources = join(run.path, 'checkpoints');
  await expect(createRun({ out: run.path, data: '' })).rejects.toThrow('already contains a run');
  await rm(join(sources, 'source.json'));
  await writeFile(join(sources, '.source.json.0123456789abcdef0123.tmp'), '{');
  // Keeps files that do not belong to the start of a run.
  await writeFile(join(run.path, 'notes.txt'), 'mine');
  await expect(createRun({ out: run.path, data: '' })).rejects.toMatchObject({ code: 'run-directory' });
  await rm(join(run.path, 'notes.txt'));
  await mkdir(join(sources, 'last'));
  await expect(createRun({ out: run.path, data: '' })).rejects.toMatchObject({ code: 'run-directory' });
  await rm(join(sources, 'last'), { recursive: true });
  const again = await createRun({ out: run.path, data: '' });
  expect(await readdir(run.path)).toEqual(['.lock']);
  await again.release();
});

test('a kill between two renames of a checkpoint leaves no third file', async () => {
  const run = await newRun();
  await run.saveCheckpoint('last', after(1, 1));
  const folder = join(run.path, 'checkpoints', 'last');
  await link(join(folder, 'checkpoint.safetensors'), join(folder, 'previous.safetensors'));
  await run.saveCheckpoint('last', after(2, 2));
  expect((await readdir(folder)).sort()).toEqual(['checkpoint.safetensors', 'previous.safetensors']);
  expect((await run.checkpoint('last')).progress.epoch).toBe(2);
  await truncate(join(folder, 'checkpoint.safetensors'), 100);
  expect((await run.checkpoint('last')).progress.epoch).toBe(1);
  await run.release();
});

test('if both last checkpoints are damaged, resumes from the best epoch and reports it', async () => {
  const run = await newRun();
  expect(await run.newest()).toBeUndefined();
  for (const epoch of [1, 2, 3]) await run.saveCheckpoint('last', after(epoch, 1));
  await run.saveCheckpoint('best', after(1, 1));
  const folder = join(run.path, 'checkpoints', 'last');
  expect(await run.newest()).toMatchObject({ progress: { epoch: 3 } });
  for (const file of await readdir(folder)) await truncate(join(folder, file), 100);
  const newest = await run.newest();
  expect(newest!.progress.epoch).toBe(1);
  expect(newest!.notice).toMatch(/is damaged.*; resuming from the best epoch, after step 10$/);
  await rm(join(run.path, 'checkpoints', 'best'), { recursive: true });
  await expect(run.newest()).rejects.toMatchObject({ code: 'run-directory' });
  await run.release();
});

test('ships the best epoch of this training, else the last one with a notice', async () => {
  const run = await newRun();
  for (const epoch of [1, 2]) await run.saveCheckpoint('best', after(epoch, epoch));
  // Saved before a kill, and resumed elsewhere: this time, epoch 2 was not the best.
  await run.saveCheckpoint('last', after(2, 1));
  const last = await run.checkpoint('last');
  const shipped = await run.shipped(last);
  expect([shipped.progress.epoch, shipped.notice]).toEqual([1, undefined]);
  expect((await run.shipped({ ...last, progress: { ...last.progress, best: null } })).progress.epoch).toBe(2);

  const folder = join(run.path, 'checkpoints', 'best');
  await truncate(join(folder, 'previous.safetensors'), 500);
  const instead = await run.shipped(last);
  expect(instead.progress.step).toBe(20);
  expect(instead.notice).toMatch(
    /^the weights of the best epoch, 1, are lost \(.*checksum.*\); using those of the last step, 20$/,
  );
  await run.release();
});

test('falls back to the previous checkpoint if the disk cannot read one', async () => {
  const run = await newRun();
  for (const epoch of [1, 2]) await run.saveCheckpoint('last', after(epoch, 1));
  await run.release();
  const path = join(run.path, 'checkpoints', 'last', 'checkpoint.safetensors');
  await rm(path);
  // Reading a folder is a system error, like a bad sector.
  await mkdir(path);
  const again = await resumeRun(run.path);
  expect(await again.newest()).toMatchObject({
    progress: { epoch: 1 },
    notice: expect.stringContaining('after step 10'),
  });
  await again.release();
});

test('a damaged checkpoint does not replace the previous one', async () => {
  const run = await newRun();
  for (const epoch of [1, 2]) await run.saveCheckpoint('last', after(epoch, 1));
  await run.release();
  const folder = join(run.path, 'checkpoints', 'last');
  await truncate(join(folder, 'checkpoint.safetensors'), 500);
  const again = await resumeRun(run.path);
  await again.saveCheckpoint('last', after(3, 1));
  await truncate(join(folder, 'checkpoint.safetensors'), 500);
  expect((await again.newest())!.progress.epoch).toBe(1);
  await again.release();
});
