// The package as users get it: packed, unpacked into an empty project, run, imported and type-checked there. Its dependencies are
// linked from ours, since installing them takes minutes and a network.
import { execFile, spawn } from 'node:child_process';
import {
  copyFileSync,
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
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { makeProject, type Project } from '../node/commands/project.ts';

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
  link('@types/node', 'node_modules/@types/node');
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
  expect(packed.size).toBeLessThan(9_000_000);
});

/** The files of an export, by conditions within conditions. */
const filesOf = (target: unknown): string[] =>
  typeof target === 'string' ? [target] : Object.values(target as object).flatMap(filesOf);

test('all that its exports and its scripts name is there', () => {
  const { bin, exports } = JSON.parse(readFileSync(join(project, 'node_modules/thaw/package.json'), 'utf8'));
  const named = [...Object.values(bin), ...Object.values(exports).flatMap(filesOf)];
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

test('reads HEIC if heic-decode is installed, and otherwise says how to get it', async () => {
  copyFileSync('test/data/photo.heic', join(project, 'photo.heic'));
  const predict = () => output(process.execPath, command, 'predict', 'default', 'photo.heic');
  const { code, stderr } = await predict().catch((error) => error);
  expect([code, stderr]).toEqual([
    2,
    expect.stringContaining('photo.heic (HEIC: to read it, npm install heic-decode;'),
  ]);
  expect(await output(process.execPath, command, 'doctor')).toMatch(/avif; not heic \(npm install heic-decode\)/);
  link('heic-decode', 'node_modules/heic-decode');
  expect(await predict()).toMatch(/% {2}photo\.heic/);
  expect(await output(process.execPath, command, 'doctor')).toMatch(/ avif heic$/m);
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
  expect(table).toContain('all supported');
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
    expect.stringMatching(/^.*onnxruntime-web is not installed.*npm install onnxruntime-web@/),
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
     const bytes = core.writeModel({ irVersion: 8, opsets: { '': 17 }, producerName: '', producerVersion: '', metadata: {},
       graph: { name: 'g', nodes: [], inputs: [], outputs: [], initializers: new Map(), valueInfo: [] } });
     console.log(JSON.stringify([core.readModel(bytes).graph.name, typeof thaw.fineTune, 'fineTune' in core, thaw.nodeRuntime().device]));
     console.log(thaw.ThawError === core.ThawError);
     const thread = thaw.startThread();
     console.log(await thread.reopen('pets').catch(({ code, message }) => code + ': ' + message));
     thread.terminate();`,
  );
  const [first, second, third] = (await output(process.execPath, 'consumer.mjs')).split('\n');
  expect(JSON.parse(first)).toEqual(['g', 'function', false, 'cpu']);
  expect(second).toBe('true');
  expect(third).toBe('bad-config: there is nowhere to keep projects');
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

/** The five usages, as a project that is new has them. */
const EXAMPLES = ['train.ts', 'server.ts', 'regression.ts', 'compile.ts', 'page.ts', 'thaw.config.ts'];

/** Experiment trackers. Three of them need the packages of Python. */
const TRACKERS = ['clearml.ts', 'file.ts', 'python.ts', 'trackio.ts', 'wandb.ts'].map((name) => `trackers/${name}`);

/** Code blocks of the documentation of functions: one file each. */
function documentedExamples(): string[] {
  const sources = readdirSync('src', { recursive: true, encoding: 'utf8' }).filter((file) => /\.ts$/.test(file));
  const code = sources.map((file) => readFileSync(join('src', file), 'utf8')).join('\n');
  const blocks = [...code.matchAll(/^ \* ```ts\n([\s\S]*?)^ \* ```/gm)].map(([, text]) =>
    text!.replace(/^ \* ?/gm, ''),
  );
  return blocks.map((text, i) => {
    const file = `documented-${i}.ts`;
    write(file, text);
    return file;
  });
}

describe('its types hold', () => {
  beforeAll(() => {
    mkdirSync(join(project, 'trackers'));
    for (const file of [...EXAMPLES, ...TRACKERS]) write(file, readFileSync(join('examples', file), 'utf8'));
    write(
      'consumer.ts',
      `import { type Evaluation, fineTune, loadModel, ThawError, type Training } from 'thaw';
       import { readModel } from 'thaw/core';
       const names: string[] = readModel(new Uint8Array()).graph.nodes.map(({ op }) => op);
       const training: Training<'regression'> = fineTune({ task: 'regression', model: 'm.onnx', data: 'd.csv' });
       const result = await training.result;
       if (result.status === 'finished') result.after satisfies Evaluation<'regression'>;
       // @ts-expect-error an interrupted training has no evaluation
       result.after.r2;
       const embed = await loadModel('runs/a', { task: 'embedding' });
       const [first, second]: { readonly embedding: readonly number[] }[] = await embed(['a.jpg', new Blob([])]);
       // @ts-expect-error embeddings have no labels to rank
       (await embed('a.jpg', { topK: 3 })).top;
       // @ts-expect-error the task stands beside the settings
       fineTune({ model: 'm.onnx', data: 'd', settings: { task: 'regression' } });
       // @ts-expect-error there is a constructor to satisfy
       new ThawError();
       export { names, first, second };`,
    );
  });

  const dom = { lib: ['ES2023', 'DOM', 'DOM.Iterable'], types: ['node'], skipLibCheck: false };

  test.each([
    ['nodenext', { module: 'NodeNext' }],
    ['bundler', { module: 'ESNext', moduleResolution: 'bundler' }],
  ])('under %s', async (_name, options) => {
    const files = ['consumer.ts', ...EXAMPLES, ...TRACKERS, ...documentedExamples()];
    expect(files.length).toBeGreaterThan(14);
    expect(await typeErrors(files, { ...options, ...dom, allowImportingTsExtensions: true })).toBe('');
  });
});

describe('its examples run', () => {
  let images: Project;

  beforeAll(async () => {
    for (const name of ['tsx', 'esbuild']) link(name, join('node_modules', name));
    images = await makeProject();
  });
  afterAll(() => images.remove());

  const example = (name: string, ...args: string[]) =>
    output(process.execPath, '--import', 'tsx', join('examples', name), ...args);

  test('training with progress, and a server that classifies', async () => {
    mkdirSync(join(project, 'examples'), { recursive: true });
    for (const file of EXAMPLES) write(join('examples', file), readFileSync(join('examples', file), 'utf8'));
    const said = await example('train.ts', images.data);
    expect(said).toMatch(/stage 1 trains head\nepoch 1: accuracy 0\.\d+[\s\S]*epoch 6: /);
    const [, folder] = /^(.*): accuracy [\d.]+$/m.exec(said.split('\n').at(-2)!)!;
    const server = spawn(process.execPath, ['--import', 'tsx', 'examples/server.ts', folder!], {
      cwd: project,
      env: { ...process.env, PORT: '38127' },
    });
    try {
      const image = readFileSync(join(images.data, 'val', 'red', '0.png'));
      const post = (body: Uint8Array) => fetch('http://localhost:38127', { method: 'POST', body: body as BodyInit });
      const response = await vi.waitFor(() => post(image), { timeout: 60_000, interval: 200 });
      const top = (await response.json()) as { label: string; probability: number }[];
      expect(top.map(({ label }) => label).sort()).toEqual(['blue', 'green', 'red']);
      expect(top[0]!.probability).toBeGreaterThan(top[1]!.probability);
      const refused = await post(Buffer.from('no image'));
      expect([refused.status, await refused.text()]).toEqual([400, expect.stringContaining('cannot be read')]);
    } finally {
      server.kill();
    }
  });

  test('a regression', async () => {
    const rows = ['blue', 'green', 'red'].flatMap((name, price) =>
      Array.from({ length: 8 }, (_, i) => `${join(images.data, 'train', name, `${i}.png`)},${price}`),
    );
    write('prices.csv', ['file_name,price', ...rows].join('\n'));
    const said = await example('regression.ts', 'prices.csv', join(images.data, 'val', 'red', '0.png'));
    expect(said).toMatch(/^mean absolute error [\d.]+, R² -?[\d.]+\n\{ price: -?[\d.]+ \}/);
  });

  test('a step by hand', async () => {
    const losses = [...(await example('compile.ts')).matchAll(/loss ([\d.]+)/g)].map(([, loss]) => Number(loss));
    expect(losses).toHaveLength(10);
    expect(losses[9]).toBeLessThan(losses[0]!);
  });

  test('in under 15 lines each', () => {
    for (const file of EXAMPLES) {
      const lines = readFileSync(join('examples', file), 'utf8').split('\n');
      const code = lines.filter((line) => line.trim() && !line.startsWith('//'));
      expect([file, code.length < 15]).toEqual([file, true]);
    }
  });
});

test('the types for Electron hold where Electron is not installed', async () => {
  write(
    'window.ts',
    `import { startTraining, type TrainingOptions } from 'thaw/electron';
    export const start = (options: TrainingOptions) => startTraining(options).end();`,
  );
  const options = { module: 'NodeNext', types: [], lib: ['ES2023', 'DOM'], skipLibCheck: false };
  expect(await typeErrors(['window.ts'], options)).toBe('');
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
       const samples = images.map(({ path, folder }) => ({ image: path, label: folder }));
       const { opened } = await startProcess().open({ model: new Uint8Array(), samples });
       return opened.train;
     };`,
  );
  const options = { module: 'ESNext', moduleResolution: 'bundler', lib: ['ES2023', 'DOM', 'DOM.Iterable'], types: [] };
  expect(await typeErrors(['page.ts'], options)).toBe('');
});
