import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readdir, readFile, rm, truncate, utimes, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { checkIdentity, createRun, identifySamples, openRun, resumeRun } from '../../../src/node/run/index.ts';
import { bytesOf, tensor, writeModel } from '../../../src/onnx/index.ts';
import { epochScalars, eventFileHeader, scalarEvents } from '../../../src/report/index.ts';
import { needs } from '../../needs.ts';
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

async function newRun() {
  const path = join(await temporaryFolder(), 'run');
  const run = await createRun({ out: path, data: 'images' });
  await run.writeConfig({ seed: 3, stages: [{ train: 'last:2', epochs: 1 }] });
  await run.saveSource({ model, identity, about: { input: 'x' } });
  return run;
}

test('writes and reads a run', async () => {
  const run = await newRun();
  await run.saveCheckpoint('last', checkpointAt(7));
  await run.writeArtifacts(1, new Map([['training_model.onnx', new Uint8Array(3)]]));
  await run.writeModelFolder(new Map([['onnx/old.onnx', 'old']]));
  await run.writeModelFolder(
    new Map<string, string | Uint8Array>([
      ['onnx/model.onnx', 'new'],
      ['README.md', '# Model'],
    ]),
  );
  await run.writeFile('report.html', '<!doctype html>');
  await run.release();

  const read = await openRun(run.path);
  expect(read.name).toBe('run');
  expect(await read.config()).toEqual({ seed: 3, stages: [{ train: 'last:2', epochs: 1 }] });
  const source = await read.source();
  expect(source).toMatchObject({ identity, about: { input: 'x' } });
  expect(writeModel(source.model)).toEqual(writeModel(model));
  expect([read.hasCheckpoint('last'), read.hasCheckpoint('best')]).toEqual([true, false]);
  const checkpoint = await read.checkpoint('last');
  const saved = checkpointAt(7);
  expect(checkpoint.progress).toEqual(saved.progress);
  expect(checkpoint.identity).toEqual(identity);
  // The order is kept too, even for names that look like integers.
  expect([...checkpoint.state].map(([name, t]) => [name, t.shape, [...bytesOf(t)]])).toEqual(
    [...saved.state].map(([name, t]) => [name, t.shape, [...bytesOf(t)]]),
  );
  expect((await readdir(join(run.path, 'model'), { recursive: true })).sort()).toEqual([
    'README.md',
    'onnx',
    'onnx/model.onnx',
  ]);
  expect((await readdir(run.path)).sort()).toEqual(['artifacts', 'checkpoints', 'config.yaml', 'model', 'report.html']);
});

test('refuses a directory with files; accepts an empty one, and removes it if it stays empty', async () => {
  const run = await newRun();
  await run.release();
  await expect(createRun({ out: run.path, data: '' })).rejects.toMatchObject({
    code: 'run-directory',
    hint: `Resume it: thaw resume ${run.path}, or choose another --out`,
  });
  const other = join(run.path, '../other');
  await mkdir(other);
  const unused = await createRun({ out: other, data: '' });
  await expect(createRun({ out: other, data: '' })).rejects.toThrow(`process ${process.pid} is using`);
  await unused.release();
  expect((await readdir(join(run.path, '..'))).sort()).toEqual(['run']);
  await writeFile(other, '');
  await expect(createRun({ out: other, data: '' })).rejects.toThrow('is a file');
  await expect(createRun({ out: join(other, 'below'), data: '' })).rejects.toMatchObject({ code: 'run-directory' });
  await expect(openRun(other)).rejects.toThrow('is not a run');
  await expect(openRun(join(run.path, 'nothing'))).rejects.toThrow('does not exist');
});

test('runs without a name are numbered, even if they start at the same time', async () => {
  const here = process.cwd();
  process.chdir(await temporaryFolder());
  try {
    const runs = await Promise.all([1, 2, 3].map(() => createRun({ data: 'some where/my images' })));
    expect(runs.map(({ name }) => name).sort()).toEqual(['my-images-1', 'my-images-2', 'my-images-3']);
    for (const run of runs) await run.release();
    // On Windows, the first one is a device, whatever follows the dot.
    for (const [data, name] of [
      ['nul.v2', '_nul.v2-1'],
      ['images. ', 'images.--1'],
      ['a:b', 'a-b-1'],
    ]) {
      const run = await createRun({ data });
      expect(run.name).toBe(name);
      await run.release();
    }
  } finally {
    process.chdir(here);
  }
});

const proc = needs(process.platform === 'linux', 'Linux with /proc');
test('replaces the lock of a dead process', proc, async () => {
  const run = await newRun();
  // The shell's child ends and becomes a zombie, because the process that replaces the shell never waits for it.
  const parent = spawn('sh', ['-c', 'sleep 0.3 & echo $!; exec sleep 30'], { stdio: ['ignore', 'pipe', 'ignore'] });
  try {
    const pid = Number(String(await once(parent.stdout, 'data')));
    await expect.poll(() => readFile(`/proc/${pid}/stat`, 'utf8'), { timeout: 20_000 }).toMatch(/\) Z /);
    await writeFile(join(run.path, '.lock'), JSON.stringify({ pid, host: hostname(), began: null, token: 't' }));
    await (await resumeRun(run.path)).release();
  } finally {
    parent.kill();
  }
});

test('waits for the takeover of a process that died in its midst', proc, async () => {
  const run = await newRun();
  await run.release();
  await writeFile(
    join(run.path, '.lock'),
    JSON.stringify({ pid: process.pid, host: hostname(), began: '1', token: 't' }),
  );
  const takeover = join(run.path, '.lock.takeover');
  await mkdir(takeover);
  await (await resumeRun(run.path)).release();
  expect(await readdir(run.path)).not.toContain('.lock.takeover');
});

test('respects the lock of another machine, but not one of a dead process with a reused id, or an old damaged one', async () => {
  const run = await newRun();
  await run.release();
  const lock = join(run.path, '.lock');
  const write = (host: string, began: string | null) =>
    writeFile(lock, JSON.stringify({ pid: process.pid, host, began, token: 't' }));
  await write('elsewhere.example', null);
  await expect(resumeRun(run.path)).rejects.toMatchObject({
    message: `process ${process.pid} on elsewhere.example is using ${run.path}`,
    hint: `Wait for it, or remove ${lock} if it no longer runs, or choose another --out`,
  });
  await write(hostname(), null);
  await expect(resumeRun(run.path)).rejects.toThrow('is using');
  if (process.platform === 'linux') {
    await write(hostname(), '1');
    await (await resumeRun(run.path)).release();
    // The same process id, from before a reboot.
    await writeFile(lock, JSON.stringify({ pid: process.pid, host: hostname(), began: null, boot: 'b', token: 't' }));
    await (await resumeRun(run.path)).release();
  }
  await writeFile(lock, '{');
  await utimes(lock, new Date(0), new Date(0));
  await (await resumeRun(run.path)).release();
  expect(await readdir(run.path)).not.toContain('.lock');
});

const damages: Record<string, (path: string) => Promise<void>> = {
  truncated: (path) => truncate(path, 300),
  empty: (path) => truncate(path, 0),
  'a flipped bit in a weight': (path) => flip(path, (bytes) => bytes.length - 5),
  'a flipped bit in the progress': (path) => flip(path, (bytes) => bytes.indexOf('stageEpoch')),
  'a flipped bit in its checksum': (path) => flip(path, (bytes) => bytes.indexOf('"sha256":"') + 12),
  'an endless length': (path) => flip(path, () => 7),
};

async function flip(path: string, where: (bytes: Buffer) => number): Promise<void> {
  const bytes = await readFile(path);
  bytes[where(bytes)] ^= 0x40;
  await writeFile(path, bytes);
}

test.each(Object.entries(damages))(
  'falls back to the previous checkpoint if one is damaged (%s)',
  async (_, damage) => {
    const run = await newRun();
    for (const step of [1, 2]) await run.saveCheckpoint('last', checkpointAt(step));
    const folder = join(run.path, 'checkpoints', 'last');
    await damage(join(folder, 'checkpoint.safetensors'));
    const { progress, notice } = await run.checkpoint('last');
    expect(progress).toEqual(checkpointAt(1).progress);
    expect(notice).toContain('is damaged');
    expect(notice).toContain('after step 1');

    await damage(join(folder, 'previous.safetensors'));
    await expect(run.checkpoint('last')).rejects.toMatchObject({ code: 'run-directory' });
    await rm(folder, { recursive: true });
    await expect(run.checkpoint('last')).rejects.toThrow('has no checkpoint');
    await run.release();
  },
);

test('a failed write leaves the existing checkpoint, and no leftovers', async () => {
  const run = await newRun();
  await run.saveCheckpoint('last', checkpointAt(1));
  const bad = checkpointAt(2);
  const state = new Map([...bad.state, ['s', tensor('string', [1], ['no'])] as const]);
  await expect(run.saveCheckpoint('last', { ...bad, state })).rejects.toThrow('safetensors');
  expect((await run.checkpoint('last')).progress.step).toBe(1);
  expect(await readdir(join(run.path, 'checkpoints', 'last'))).toEqual(['checkpoint.safetensors']);
  await run.release();
});

test('detects a damaged or missing source model', async () => {
  const run = await newRun();
  await flip(join(run.path, 'checkpoints', 'source.onnx'), (bytes) => bytes.length >> 1);
  await expect(run.source()).rejects.toThrow('checksum does not match');
  await rm(join(run.path, 'checkpoints', 'source.onnx'));
  await expect(run.source()).rejects.toThrow('is missing');
  await rm(join(run.path, 'checkpoints', 'source.json'));
  await expect(run.source()).rejects.toMatchObject({ code: 'run-directory' });
  await run.release();
});

test('metrics files have each epoch once after a resume, with the earlier times of TensorBoard', async () => {
  const run = await newRun();
  for (const epoch of [1, 2, 3, 200]) await run.appendRow(row(epoch));
  const [events] = (await readdir(run.path)).filter((name) => name.includes('tfevents'));
  const before = await readFile(join(run.path, events));
  // Killed in the middle of a line and of a record.
  for (const file of ['results.csv', 'metrics.jsonl', events]) {
    const bytes = await readFile(join(run.path, file));
    await truncate(join(run.path, file), bytes.length - 5);
  }
  expect((await run.rows()).map(({ epoch }) => epoch)).toEqual([1, 2, 3]);

  await run.rewindRows([row(1), row(2)]);
  await run.appendRow({ ...row(3), val: { loss: Number.NaN, accuracy: 0 } });
  const rows = await run.rows();
  expect(rows).toEqual([row(1), row(2), { ...row(3), val: { loss: Number.NaN, accuracy: 0 } }]);
  const csv = (await readFile(join(run.path, 'results.csv'), 'utf8')).trimEnd().split('\n');
  expect(csv.map((line) => line.split(',')[0])).toEqual(['epoch', '1', '2', '3']);
  expect((await readdir(run.path)).filter((name) => name.includes('tfevents'))).toEqual([events]);
  const after = await readFile(join(run.path, events));
  // The header and two records are unchanged, and one record is new.
  const scalars = epochScalars(row(3));
  const kept = eventFileHeader(0).length + 2 * scalarEvents(1, 0, scalars).length;
  expect(after.subarray(0, kept).equals(before.subarray(0, kept))).toBe(true);
  expect(after.length - kept).toBe(scalarEvents(3, 0, scalars).length);
  await run.release();
});

test('removes leftovers of a killed process from all folders of a run', async () => {
  const run = await newRun();
  await run.saveCheckpoint('last', checkpointAt(1));
  await run.writeFile('plots/loss.png', '');
  await run.writeArtifacts(1, new Map([['training_model.onnx', 'x']]));
  await run.release();
  const left = '.file.0123456789abcdef0123.tmp';
  const folders = ['', 'checkpoints', 'checkpoints/last', 'plots', 'artifacts', 'artifacts/stage-1'];
  for (const folder of folders) await writeFile(join(run.path, folder, left), '');
  await (await resumeRun(run.path)).release();
  expect((await readdir(run.path, { recursive: true })).filter((name) => name.endsWith('.tmp'))).toEqual([]);
});

test('names the facts that have changed since the start of the run', async () => {
  const folder = await temporaryFolder();
  const file = join(folder, 'a.png');
  await writeFile(file, 'abc');
  const dataset = { classes: ['ant', 'bee'], train: [{ file, label: 0 }], val: [], test: [], problems: [] };
  const before = await identifySamples(dataset, folder);
  expect(before).toMatchObject({ train: 1, val: 0, test: 0 });
  expect(await identifySamples(dataset, folder)).toEqual(before);

  const run = { ...identity, samples: before };
  checkIdentity(run, { ...run, samples: { ...before } });
  const relabelled = await identifySamples({ ...dataset, train: [{ file, label: 1 }] }, folder);
  expect(() => checkIdentity(run, { ...run, samples: relabelled })).toThrow('other files, labels or sizes');
  await writeFile(file, 'abcd');
  const edited = await identifySamples(dataset, folder);
  expect(() => checkIdentity(run, { ...run, samples: edited })).toThrow('other files, labels or sizes');
  const fewer = await identifySamples({ ...dataset, train: [] }, folder);
  expect(() => checkIdentity(run, { ...run, samples: fewer })).toThrow('train had 1 images, now 0');
  expect(() => checkIdentity(run, { ...run, classes: ['ant'] })).toThrow('ant, bee; now ant');
  expect(() => checkIdentity(run, { ...run, model: 'c'.repeat(64) })).toThrow('the model has changed');
});
