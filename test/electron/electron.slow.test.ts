// Electron itself, under Xvfb if there is no display. Its binary is downloaded separately from its package, so it may
// be missing.
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { build } from 'esbuild';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { train } from '../../src/node/commands/index.ts';
import { needs } from '../needs.ts';
import { makeProject, type Project } from '../node/commands/project.ts';
import { settings } from '../worker/request.ts';
import type { Checked } from './app/page.ts';

const run = promisify(execFile);

/** `ELECTRON_PATH`, or the binary that `node node_modules/electron/install.js` has downloaded. */
function electronBinary(): string | undefined {
  const { ELECTRON_PATH } = process.env;
  if (ELECTRON_PATH) return ELECTRON_PATH;
  const folder = join(createRequire(import.meta.url).resolve('electron/package.json'), '..');
  if (!existsSync(join(folder, 'path.txt'))) return undefined;
  const binary = join(folder, 'dist', readFileSync(join(folder, 'path.txt'), 'utf8'));
  return existsSync(binary) ? binary : undefined;
}

const binary = electronBinary();

let project: Project;
let app: string;

beforeAll(async () => {
  project = await makeProject();
  // Inside the package, so that it finds ONNX Runtime and sharp.
  mkdirSync('.cache', { recursive: true });
  app = mkdtempSync('.cache/electron-');
  writeFileSync(join(app, 'package.json'), JSON.stringify({ name: 'test', type: 'module', main: 'main.js' }));
  const common = { outdir: app, bundle: true, target: 'es2022', logLevel: 'error' } as const;
  await build({
    ...common,
    entryPoints: { main: 'test/electron/app/main.ts', host: 'src/electron/host.ts' },
    platform: 'node',
    format: 'esm',
    packages: 'external',
  });
  await build({ ...common, entryPoints: { page: 'test/electron/app/page.ts' }, platform: 'browser', format: 'esm' });
  await build({
    ...common,
    entryPoints: { preload: 'src/electron/preload.ts' },
    outExtension: { '.js': '.cjs' },
    platform: 'browser',
    format: 'cjs',
    external: ['electron'],
  });
});
afterAll(() => {
  project.remove();
  rmSync(app, { recursive: true, force: true });
});

test('the bundles of a page and a preload script contain no Node code', () => {
  expect(readFileSync(join(app, 'page.js'), 'utf8')).not.toMatch(/\b(require\(|from ["'](?!\.))/);
  const required = readFileSync(join(app, 'preload.cjs'), 'utf8').matchAll(/require\("([^"]+)"\)/g);
  expect(Array.from(required, ([, name]) => name)).toEqual(['electron']);
});

test('Electron trains in its utility process to the bytes of `thaw train`', {
  ...needs(binary, 'Electron: node node_modules/electron/install.js, or ELECTRON_PATH'),
}, async () => {
  const args = [app, '--no-sandbox', project.data, join(project.model, 'model.onnx'), JSON.stringify(settings)];
  const headless = process.platform === 'linux' && !process.env.DISPLAY;
  const [program, ...given] = headless ? ['xvfb-run', '-a', binary!, ...args] : [binary!, ...args];
  const { stdout } = await run(program, given, { timeout: 120_000 });
  const checked: Checked = JSON.parse(stdout.trim().split('\n').at(-1)!);
  const out = join(project.folder, 'run');
  await train({ model: project.model, data: project.data, out, settings });
  expect(checked).toEqual({
    node: ['undefined', 'undefined', 'undefined', 'undefined'],
    sha256: createHash('sha256')
      .update(readFileSync(join(out, 'model', 'onnx', 'model.onnx')))
      .digest('hex'),
    refused: 'bad-data',
    ended: 'ended',
  });
});
