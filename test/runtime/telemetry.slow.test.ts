// ONNX Runtime's telemetry keeps a device id and its events in the user's cache folder. It is always off in CI and in unit tests.
import { execFile } from 'node:child_process';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { writeModel } from '../../src/onnx/index.ts';
import { temporaryFolders } from '../node/run/folders.ts';
import { smallModel } from '../small-models.ts';

const temporaryFolder = temporaryFolders();
const run = promisify(execFile);

const USES_LIBRARY = `
  import { readFile } from 'node:fs/promises';
  import { nodeRuntime } from './src/runtime/node/sessions.ts';
  const session = await nodeRuntime('cpu').load(await readFile(process.argv[1]));
  console.log(session.inputNames.join());
`;

test.each([
  ['the library', (model: string) => ['--input-type=module', '--eval', USES_LIBRARY, model], 'x'],
  ['the command', (model: string) => ['src/cli/main.ts', 'inspect', model], 'operators'],
  ['the check of a device', () => ['src/runtime/node/probe.js', 'cpu'], '"ok"'],
])('%s leaves nothing in the home folder', async (_, words, said) => {
  const folder = await temporaryFolder();
  const home = join(folder, 'home');
  await mkdir(home);
  const model = join(folder, 'model.onnx');
  const nodes = [['Relu', ['x'], ['y']]] as const;
  await writeFile(model, writeModel(smallModel({ nodes, inputs: { x: ['batch', 3] }, outputs: { y: ['batch', 3] } })));
  const known = ['PATH', 'SystemRoot', 'TEMP', 'TMPDIR'].flatMap((name) => {
    const value = process.env[name];
    return value === undefined ? [] : [[name, value] as const];
  });
  const env = { ...Object.fromEntries(known), HOME: home, XDG_CACHE_HOME: join(home, 'cache') };
  const { stdout, stderr } = await run(process.execPath, ['--import', 'tsx', ...words(model)], { env }).catch(
    (error: { stdout: string; stderr: string }) => error,
  );
  expect(stdout + stderr).toContain(said);
  const files = await readdir(home, { recursive: true });
  expect(files.filter((file) => /microsoft|onnxruntime|deviceid/i.test(file))).toEqual([]);
});
