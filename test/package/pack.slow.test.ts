// The package as users get it: packed, unpacked into an empty project, run, imported and type-checked there. Its dependencies are
// linked from ours, since installing them takes minutes and a network.
import { execFile, spawn } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';

const run = promisify(execFile);
const WINDOWS = process.platform === 'win32';
const { dependencies, optionalDependencies } = JSON.parse(readFileSync('package.json', 'utf8'));

interface Packed {
  readonly filename: string;
  readonly size: number;
  readonly files: readonly { readonly path: string; readonly mode: number }[];
}
let project: string;
let packed: Packed;
/** The file that `thaw` is. */
let command: string;
/** Of our own `dist`: when it was made, if it is there. */
const madeAt = () => statSync('dist', { throwIfNoEntry: false })?.birthtimeMs;
let before: ReturnType<typeof madeAt>;

function link(name: string, target: string) {
  const path = join(project, 'node_modules', name);
  mkdirSync(dirname(path), { recursive: true });
  // Windows lets only administrators make other links.
  symlinkSync(resolve(target), path, 'junction');
}

/** `thaw` as npm makes it available. */
function linkCommand() {
  const bin = join(project, 'node_modules/.bin');
  mkdirSync(bin);
  if (WINDOWS) writeFileSync(join(bin, 'thaw.cmd'), '@node "%~dp0\\..\\thaw\\dist\\node\\main.js" %*\r\n');
  else symlinkSync(command, join(bin, 'thaw'));
}

/** @returns what a program of the project printed */
async function output(program: string, ...args: string[]): Promise<string> {
  const options = { cwd: project, env: { ...process.env, NO_COLOR: '1' }, shell: isScript(program) };
  const { stdout, stderr } = await run(program, args, options);
  return stdout + stderr;
}

/** npm's own commands are scripts on Windows, which need a shell. */
const isScript = (program: string) => WINDOWS && /^np[mx]$/.test(program);

function write(file: string, contents: string | object) {
  writeFileSync(join(project, file), typeof contents === 'string' ? contents : JSON.stringify(contents));
}

/** A copy of what is here, with a `dist` of its own: other tests use ours meanwhile. Below our `node_modules`, for bundlers. */
async function built(copy: string): Promise<string> {
  mkdirSync('.cache', { recursive: true });
  const dist = mkdtempSync('.cache/dist-');
  try {
    await run(process.execPath, ['scripts/build/build.js', dist]).catch(({ stdout }) => {
      throw new Error(`the build fails:\n${stdout}`);
    });
    const own = ['.git', 'node_modules', '.cache', 'dist', 'runs', 'sweeps'];
    for (const name of readdirSync('.')) if (!own.includes(name)) cpSync(name, join(copy, name), { recursive: true });
    cpSync(dist, join(copy, 'dist'), { recursive: true });
  } finally {
    rmSync(dist, { recursive: true, force: true });
  }
  return copy;
}

beforeAll(async () => {
  before = madeAt();
  project = realpathSync(mkdtempSync(join(tmpdir(), 'thaw-pack-')));
  const { stdout } = await run('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', project], {
    cwd: await built(join(project, 'built')),
    shell: isScript('npm'),
  });
  packed = [JSON.parse(stdout)].flat(2)[0];
  mkdirSync(join(project, 'node_modules/thaw'), { recursive: true });
  await run('tar', ['-xzf', packed.filename, '-C', 'node_modules/thaw', '--strip-components=1'], { cwd: project });
  for (const name of Object.keys({ ...dependencies, ...optionalDependencies })) link(name, join('node_modules', name));
  command = join(project, 'node_modules/thaw/dist/node/main.js');
  linkCommand();
  write('package.json', { name: 'consumer', version: '1.0.0', type: 'module' });
});

afterAll(() => rmSync(project, { recursive: true, force: true }));

test('is built beside the dist that other tests use', () => expect(madeAt()).toBe(before));

test('holds what users need and nothing else', () => {
  const paths = packed.files.map(({ path }) => path);
  const needed = [
    ...['package.json', 'README.md', 'LICENSE', 'CHANGELOG.md', 'docs/guide.md', 'artifacts/default/onnx/model.onnx'],
    ...['templates/flower/pyproject.toml', 'templates/flower/thaw_federated/client_app.py'],
    ...['dist/index.d.ts', 'dist/core.js', 'dist/core.d.ts', 'dist/web/index.js', 'dist/web/worker.js'],
    ...['dist/onnx/generated/onnx.js', 'dist/onnx/generated/onnx.d.ts'],
    ...['dist/federated/flower/generated/fleet.js', 'dist/federated/flower/generated/fleet.d.ts'],
    ...['dist/report/generated/event.js', 'dist/report/generated/event.d.ts'],
    ...['dist/studio/index.html', 'dist/studio/service-worker.js', 'dist/studio/licenses.md'],
    ...['dist/electron/index.d.ts', 'dist/electron/host.d.ts', 'dist/electron/client.js', 'dist/electron/client.d.ts'],
  ];
  expect(needed.filter((path) => !paths.includes(path))).toEqual([]);
  const stray = paths.filter(
    (path) => !/^(dist|artifacts|docs|templates)\/|^(package\.json|README\.md|LICENSE|CHANGELOG\.md)$/.test(path),
  );
  expect(stray).toEqual([]);
  expect(paths.filter((path) => /\.test\.|(?<!\.d)\.ts$|\.png$|__pycache__/.test(path))).toEqual([]);
  // ONNX Runtime's files for pages are the user's own.
  expect(paths.filter((path) => path.endsWith('.wasm'))).toEqual([]);
  expect(packed.size).toBeLessThan(8_000_000);
});

test('all that its exports and its scripts name is there', () => {
  const { bin, exports } = JSON.parse(readFileSync(join(project, 'node_modules/thaw/package.json'), 'utf8'));
  const named = [
    ...Object.values(bin),
    ...Object.values(exports).flatMap((target) =>
      typeof target === 'string' ? [target] : Object.values(target as object),
    ),
  ];
  const files = named.map((file) => join('node_modules/thaw', String(file)));
  const folder = 'node_modules/thaw/dist/node';
  for (const file of readdirSync(join(project, folder)).filter((name) => /js$/.test(name))) {
    const code = readFileSync(join(project, folder, file), 'utf8');
    for (const [, target] of code.matchAll(/new URL\("([^"]+)", import\.meta\.url\)/g))
      files.push(join(folder, target));
    for (const [, target] of code.matchAll(/\bpackageFile\("([^"]+)"\)/g))
      files.push(join('node_modules/thaw', target));
  }
  expect(files).toContain(join(folder, 'preload.cjs'));
  expect(files).toContain('node_modules/thaw/artifacts/default');
  expect(files.filter((file) => !existsSync(join(project, file)))).toEqual([]);
});

test('its command runs', async () => {
  expect(readFileSync(command, 'utf8')).toMatch(/^#!\/usr\/bin\/env node\n/);
  const text = await output('npx', '--no-install', 'thaw', 'doctor');
  expect(text).toMatch(/cpu/i);
  expect(text).toContain(process.versions.node);
});

test('a command loads few files, and the sources say where it was', async () => {
  write(
    'listing.mjs',
    `import { appendFileSync } from 'node:fs';
     export async function load(url, context, next) {
       appendFileSync('loaded.txt', url + '\\n');
       return next(url, context);
     }`,
  );
  write('listed.mjs', `import { register } from 'node:module'; register('./listing.mjs', import.meta.url);`);
  const hooked = [`--import=${pathToFileURL(join(project, 'listed.mjs'))}`, command];
  const table = await output(process.execPath, ...hooked, 'inspect', 'default');
  expect(table).toContain('all can be trained');
  const loaded = readFileSync(join(project, 'loaded.txt'), 'utf8').split('\n');
  const own = new Set(loaded.filter((url) => url.includes('/node_modules/thaw/')));
  expect(own.size).toBeGreaterThan(5);
  expect(own.size).toBeLessThan(50);
  const refused = await output(process.execPath, command, 'inspect', 'nowhere.onnx', '--debug').catch((e) => e);
  expect(refused.code).toBe(2);
  expect(refused.stderr).toMatch(/at locate \(.*src[\\/]node[\\/]models[\\/]folder\.ts:\d+/);
});

test('its studio is served with the ONNX Runtime that is installed', async () => {
  const lacking = await output('npx', '--no-install', 'thaw', 'studio').catch(({ code, stderr }) => [code, stderr]);
  expect(lacking).toEqual([
    2,
    expect.stringMatching(/^.*onnxruntime-web isn't installed.*npm install onnxruntime-web@/),
  ]);
  link('onnxruntime-web', 'node_modules/onnxruntime-web');
  const studio = spawn(process.execPath, [command, 'studio', '--port', '0', '--json'], { cwd: project });
  try {
    const said = await new Promise<string>((resolve, reject) => {
      let text = '';
      studio.stdout.on('data', (part) => {
        text += part;
        if (text.trimEnd().endsWith('}')) resolve(text);
      });
      studio.on('exit', (code) => reject(new Error(`it ended with ${code}`)));
    });
    const { address } = JSON.parse(said);
    const worker = await (await fetch(`${address}service-worker.js`)).text();
    const lists = worker.match(/\["[^\]]+"\]/g)!.map((list) => JSON.parse(list) as string[]);
    const files = lists.find((list) => list.includes('./'))!;
    expect(files.filter((file) => file.startsWith('ort-'))).toHaveLength(4);
    for (const file of files) {
      const { status } = await fetch(address + file, { method: 'HEAD' });
      expect([file, status]).toEqual([file, 200]);
    }
  } finally {
    studio.kill('SIGINT');
  }
  expect(await new Promise((resolve) => studio.on('exit', resolve))).toBe(WINDOWS ? null : 0);
});

test('its library can be imported from JavaScript', async () => {
  write(
    'consumer.mjs',
    `import * as thaw from 'thaw';
     import * as core from 'thaw/core';
     const bytes = thaw.writeModel({ irVersion: 8, opsets: { '': 17 }, producerName: '', producerVersion: '', metadata: {},
       graph: { name: 'g', nodes: [], inputs: [], outputs: [], initializers: new Map(), valueInfo: [] } });
     console.log(JSON.stringify([core.readModel(bytes).graph.name, typeof thaw.train, 'train' in core, thaw.nodeRuntime().device]));
     console.log(thaw.ThawError === core.ThawError);
     const thread = thaw.startThread();
     console.log(await thread.train().catch(({ code, message }) => code + ': ' + message));
     thread.terminate();`,
  );
  const [first, second, third] = (await output(process.execPath, 'consumer.mjs')).split('\n');
  expect(JSON.parse(first)).toEqual(['g', 'function', false, 'cpu']);
  expect(second).toBe('true');
  expect(third).toBe('bad-config: nothing is open');
});

/** Type-checks files of the project with our compiler. */
async function typeErrors(files: readonly string[], options: object): Promise<string> {
  write('tsconfig.json', {
    compilerOptions: { strict: true, noEmit: true, target: 'ES2022', ...options },
    files,
  });
  const tsc = resolve('node_modules/typescript/bin/tsc');
  return output(process.execPath, tsc, '-p', 'tsconfig.json').catch(({ stdout }) => stdout);
}

test('its types hold in Node', async () => {
  link('@types/node', 'node_modules/@types/node');
  const examples = readdirSync('examples').filter((file) => /\.[jt]s$/.test(file));
  for (const file of examples) write(file, readFileSync(join('examples', file), 'utf8'));
  expect(examples.length).toBeGreaterThan(1);
  write(
    'consumer.ts',
    `import { type Model, readModel, ThawError, type TrainOutcome, type TrainRequest, train } from 'thaw';
     const model: Model = readModel(new Uint8Array());
     const names: string[] = model.graph.nodes.map(({ op }) => op);
     const job: (request: TrainRequest) => Promise<TrainOutcome> = train;
     // @ts-expect-error there is a constructor to satisfy
     new ThawError();
     export { names, job };`,
  );
  expect(
    await typeErrors(['consumer.ts', ...examples], {
      allowJs: true,
      checkJs: true,
      module: 'NodeNext',
      types: ['node'],
    }),
  ).toBe('');
});

test('Electron’s own types hold in the example of it', async () => {
  link('electron', 'node_modules/electron');
  write('electron-main.js', readFileSync('examples/electron/main.js', 'utf8'));
  write('permissions.js', readFileSync('examples/electron/permissions.js', 'utf8'));
  write('electron-host.ts', `import 'thaw/electron/host';`);
  const options = { allowJs: true, checkJs: true, module: 'NodeNext', types: ['node'] };
  expect(await typeErrors(['electron-main.js', 'permissions.js', 'electron-host.ts'], options)).toBe('');
});

test('what is for pages has types that hold without Node’s', async () => {
  write(
    'page.ts',
    `import { readModel } from 'thaw/core';
     import { pickImages, startProcess } from 'thaw/electron/client';
     export const nodes: number = readModel(new Uint8Array()).graph.nodes.length;
     export const opened = async (): Promise<number> => {
       const images = await pickImages({ folders: true });
       const labelled = images.map(({ path }) => ({ image: path, label: 0 }));
       return (await startProcess().open({ model: new Uint8Array(), classes: ['a'], images: labelled })).train;
     };`,
  );
  const options = { module: 'ESNext', moduleResolution: 'bundler', lib: ['ES2023', 'DOM', 'DOM.Iterable'], types: [] };
  expect(await typeErrors(['page.ts'], options)).toBe('');
});
