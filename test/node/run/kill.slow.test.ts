import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { beforeEach, describe, expect, test } from 'vitest';
import { createRun, openRun, resumeRun } from '../../../src/node/run/index.ts';
import { smallModel } from '../../small-models.ts';
import { checkpointAt, identity } from './fixture.ts';
import { temporaryFolders } from './folders.ts';

const temporaryFolder = temporaryFolders();
const model = smallModel({
  nodes: [['Relu', ['x'], ['y']]],
  inputs: { x: ['batch', 3] },
  outputs: { y: ['batch', 3] },
});
const wait = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

describe('a run killed with kill -9', () => {
  let folder: string;
  let program: string;
  let path: string;

  beforeEach(async () => {
    folder = await temporaryFolder();
    program = join(folder, 'saving.mjs');
    path = join(folder, 'run');
    await build({
      entryPoints: [fileURLToPath(new URL('saving.ts', import.meta.url))],
      bundle: true,
      platform: 'node',
      format: 'esm',
      outfile: program,
      // CommonJS libraries use `require`, which an ES module does not have.
      banner: { js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);" },
      logLevel: 'silent',
    });
    const run = await createRun({ out: path, data: 'images' });
    await run.writeConfig({ seed: 1 });
    await run.saveSource({ model, identity, about: {} });
    await run.release();
  });

  /** Starts the program. `saved()` is the last step that it reported as saved. */
  function start(): { child: ChildProcess; saved: () => number; first: Promise<void> } {
    const child = spawn(process.execPath, [program, path], { stdio: ['ignore', 'pipe', 'inherit'] });
    let output = '';
    const first = new Promise<void>((resolve) => {
      child.stdout!.on('data', (text) => {
        output += text;
        resolve();
      });
    });
    return { child, first, saved: () => Number(output.split('\n').filter(Boolean).at(-1) ?? 0) };
  }

  test('always leaves an intact checkpoint, and no leftovers after a resume', async () => {
    let before = 0;
    for (let i = 0; i < 24; i++) {
      const { child, first, saved } = start();
      await first;
      await wait((i * 7) % 40);
      child.kill('SIGKILL');
      await once(child, 'close');
      const run = await openRun(path);
      const { progress, state, notice } = await run.checkpoint('last');
      expect(notice).toBeUndefined();
      // The kill can come after the rename and before the report.
      expect(progress.step - saved()).toBeGreaterThanOrEqual(0);
      expect(progress.step - saved()).toBeLessThanOrEqual(1);
      expect(progress.step).toBeGreaterThan(before);
      const { data } = state.get('head.weight')!;
      expect((data as Float32Array).every((value) => value === progress.step)).toBe(true);
      before = progress.step;
    }
    await (await resumeRun(path)).release();
    expect((await readdir(path)).sort()).toEqual(['checkpoints', 'config.yaml']);
    expect((await readdir(join(path, 'checkpoints'))).sort()).toEqual([
      'last',
      'rows.jsonl',
      'source.json',
      'source.onnx',
    ]);
    const files = await readdir(join(path, 'checkpoints', 'last'));
    expect(files.sort()).toEqual(['checkpoint.safetensors', 'previous.safetensors']);
  });

  test('keeps its lock while it lives, and the next process takes it over', async () => {
    const { child, first } = start();
    await first;
    await expect(resumeRun(path)).rejects.toMatchObject({
      code: 'run-directory',
      message: `process ${child.pid} is using ${path}`,
    });
    await expect(createRun({ out: path, data: 'images' })).rejects.toMatchObject({ code: 'run-directory' });
    child.kill('SIGKILL');
    await once(child, 'close');
    expect(JSON.parse(await readFile(join(path, '.lock'), 'utf8')).pid).toBe(child.pid);

    const attempts = await Promise.allSettled(Array.from({ length: 8 }, () => resumeRun(path)));
    const won = attempts.filter((attempt) => attempt.status === 'fulfilled');
    expect(won).toHaveLength(1);
    for (const attempt of attempts) {
      if (attempt.status === 'rejected') expect(attempt.reason).toMatchObject({ code: 'run-directory' });
    }
    await won[0].value.saveCheckpoint('last', checkpointAt(1));
    await won[0].value.release();
    expect((await readdir(path)).filter((name) => name.startsWith('.'))).toEqual([]);
  });
});
