// Platforms without a binary of onnxruntime-node, simulated by a copy of Thaw without that package.
import { execFile } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type JobEvent, resume, train } from '../../src/node/commands/index.ts';
import { readModelFile } from '../../src/node/models/files.ts';
import { INSTALL_RUNTIME } from '../../src/runtime/node/install.ts';
import type { TrainingSettings } from '../../src/session/index.ts';
import { ONNXRUNTIME } from '../../src/version.ts';
import { needs } from '../needs.ts';
import { makeProject, type Project } from '../node/commands/project.ts';

const NATIVE = 'onnxruntime-node';
const WEB = 'onnxruntime-web';
const INSTALL_WEB = `npm install ${WEB}@${ONNXRUNTIME}`;
/** Plain momentum, because Adam turns rounding errors into steps if gradients are zero. */
const SETTINGS: TrainingSettings = {
  epochs: 3,
  batch: 6,
  seed: 3,
  lr: 0.02,
  optimizer: 'sgd',
  momentum: 0.9,
  augment: 'light',
  trainable: 'all',
};

let project: Project;
let copies: string;
beforeAll(async () => {
  project = await makeProject({ train: 6, val: 3 });
  copies = mkdtempSync(join(tmpdir(), 'thaw-without-'));
});
afterAll(() => {
  project.remove();
  rmSync(copies, { recursive: true, force: true });
});

/** Copies the sources and links all packages except the hidden ones. @returns the folder */
function copyWithout(hidden: readonly string[]): string {
  const folder = mkdtempSync(join(copies, 'copy-'));
  for (const name of ['src', 'package.json']) cpSync(name, join(folder, name), { recursive: true });
  mkdirSync(join(folder, 'node_modules'));
  for (const name of readdirSync('node_modules'))
    if (!hidden.includes(name)) symlinkSync(resolve('node_modules', name), join(folder, 'node_modules', name));
  return folder;
}

interface ChildExit {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

const node = (...words: readonly string[]): Promise<ChildExit> =>
  new Promise((done) => {
    execFile(process.execPath, ['--import', 'tsx', ...words], { timeout: 120_000 }, (error, stdout, stderr) =>
      done({ code: error ? Number(error.code ?? -1) : 0, stdout, stderr }),
    );
  });

const thaw = (folder: string, ...words: readonly string[]) => node(join(folder, 'src/cli/main.ts'), ...words);

const linesWith = (word: string, text: string) => text.split('\n').filter((line) => line.includes(word));

/** All trained weights of a run in one array. */
async function weightsOf(run: string): Promise<Float32Array> {
  const { graph } = await readModelFile(join(run, 'model/onnx/model.onnx'));
  return Float32Array.from([...graph.initializers.values()].flatMap((value) => [...(value.data as Float32Array)]));
}

const modelBytes = (run: string) => readFileSync(join(run, 'model/onnx/model.onnx'));

const trainHere = (name: string, device: 'cpu' | 'wasm', hooks = {}) =>
  train(
    { model: project.model, data: project.data, out: join(project.folder, name), settings: { ...SETTINGS, device } },
    hooks,
  );

const flags = Object.entries(SETTINGS).flatMap(([name, value]) => [`--${name}`, String(value)]);

describe('without onnxruntime-node', () => {
  let folder: string;
  const out = () => join(project.folder, 'without');
  beforeAll(() => {
    folder = copyWithout([NATIVE]);
  });

  test('auto trains on WebAssembly, reports it in one line, and gives the weights of the native runtime', async () => {
    const { code, stdout, stderr } = await thaw(folder, 'train', project.model, project.data, '--out', out(), ...flags);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(linesWith('wasm', stdout)).toEqual([
      expect.stringMatching(/^device +wasm, because onnxruntime-node is not installed; training takes .* as long as/),
    ]);
    await trainHere('native', 'cpu');
    const [web, native] = [await weightsOf(out()), await weightsOf(join(project.folder, 'native'))];
    expect(web.length).toBe(native.length);
    expect(Math.max(...web.map((value, i) => Math.abs(value - native[i])))).toBeLessThan(1e-4);
    // With both packages installed, the same device gives the same weights.
    await trainHere('both', 'wasm');
    expect(modelBytes(out()).equals(modelBytes(join(project.folder, 'both')))).toBe(true);
  });

  test('every job can run a model on WebAssembly', async () => {
    const script = join(folder, 'all.ts');
    const [model, data] = [project.model, project.data].map((path) => JSON.stringify(path));
    const results = JSON.stringify(mkdtempSync(join(project.folder, 'all-')));
    writeFileSync(
      script,
      `import * as thaw from './src/index.ts';
      import { join } from 'node:path';
      const [model, data, folder] = [${model}, ${data}, ${results}];
      const devices = [];
      const hooks = { onEvent: (event) => event.type === 'device' && devices.push(event.device) };
      const { parameters } = await thaw.inspect({ model }, hooks);
      await thaw.writeArtifacts({ model, out: join(folder, 'artifacts'), trainable: 'all' }, hooks);
      const run = join(folder, 'run');
      const training = thaw.fineTune({ model, data, out: run, settings: { epochs: 1, lora: { rank: 2 } } });
      for await (const event of training) hooks.onEvent(event);
      const { verification } = await thaw.exportModel({ run, form: 'int8' }, hooks);
      await thaw.exportModel({ run }, hooks);
      await thaw.mergeAdapters({ model, adapters: run, out: join(folder, 'merged.onnx') }, hooks);
      const { accuracy } = await thaw.evaluate({ model: run, data }, hooks);
      const answers = await thaw.predict({ model: run, images: [join(data, 'val/green/0.png')] }, hooks);
      const { suggestions } = await thaw.findLearningRate({ model, data, out: join(folder, 'rates') }, hooks);
      console.log(JSON.stringify({ devices, parameters, verification, accuracy, answers: answers.length, suggestions }));`,
    );
    const { stdout, stderr } = await node(script);
    expect(stderr).toBe('');
    const { devices, verification, answers } = JSON.parse(stdout);
    expect(devices).toEqual(Array.from({ length: 9 }, () => 'wasm'));
    expect(verification.samples).toBe(9);
    expect(answers).toBe(1);
  });

  test('a command that runs a model once also reports it', async () => {
    const { code, stdout, stderr } = await thaw(folder, 'inspect', project.model, '--json');
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ parameters: expect.any(Number) });
    expect(stderr.trim()).toMatch(/^device +wasm, because onnxruntime-node is not installed; .*$/);
  });

  test('--device cpu is an error that explains how to get it', async () => {
    const { code, stderr } = await thaw(folder, 'inspect', project.model, '--device', 'cpu');
    expect(code).toBe(2);
    expect(stderr.trim()).toBe(
      `thaw: device cpu is not available: onnxruntime-node is not installed. ${INSTALL_RUNTIME}`,
    );
  });

  test('the doctor lists the devices that work', async () => {
    const { stdout } = await thaw(folder, 'doctor', '--json');
    const { onnxruntime, devices, problems } = JSON.parse(stdout);
    expect(onnxruntime).toMatchObject({ [NATIVE]: null, [WEB]: ONNXRUNTIME });
    const works = devices.filter(({ available }: { available: boolean }) => available);
    expect(works.map(({ device }: { device: string }) => device)).toEqual(['wasm']);
    expect(problems[0].what).toMatch(/^onnxruntime-node is not installed: training on WebAssembly takes/);
  });
});

describe('without either package', () => {
  test.each(['train', 'inspect'])('%s prints the command that installs it', async (command) => {
    const folder = copyWithout([NATIVE, WEB]);
    const data = command === 'train' ? [project.data] : [];
    const { code, stdout, stderr } = await thaw(folder, command, project.model, ...data);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr.trim().split('\n')).toEqual([
      expect.stringContaining(
        `onnxruntime-node is not installed, and onnxruntime-web is not installed. ${INSTALL_WEB}`,
      ),
    ]);
  });

  test('--device wasm is an error that explains how to get it', async () => {
    const { stderr } = await thaw(copyWithout([WEB]), 'inspect', project.model, '--device', 'wasm');
    expect(stderr.trim()).toContain(`device wasm is not available: onnxruntime-web is not installed. ${INSTALL_WEB}`);
  });

  test('refuses another version of onnxruntime-web', async () => {
    const folder = copyWithout([NATIVE, WEB]);
    const other = join(folder, 'node_modules', WEB);
    mkdirSync(other);
    writeFileSync(join(other, 'package.json'), JSON.stringify({ name: WEB, version: '1.18.0', main: 'index.js' }));
    writeFileSync(join(other, 'index.js'), '');
    const { code, stderr } = await thaw(folder, 'inspect', project.model);
    expect(code).toBe(2);
    expect(stderr).toContain(`onnxruntime-web 1.18.0 is installed, but ${ONNXRUNTIME} is needed. ${INSTALL_WEB}`);
  });
});

describe('a native package that fails to load', () => {
  test('because its binary is broken', async () => {
    const folder = copyWithout([NATIVE]);
    const broken = join(folder, 'node_modules', NATIVE);
    for (const name of ['dist', 'package.json'])
      cpSync(join('node_modules', NATIVE, name), join(broken, name), { recursive: true });
    const binding = join(broken, 'bin/napi-v6', process.platform, process.arch, 'onnxruntime_binding.node');
    mkdirSync(dirname(binding), { recursive: true });
    writeFileSync(binding, 'not a library');
    const { code, stdout } = await thaw(folder, 'inspect', project.model);
    expect(code).toBe(0);
    expect(linesWith('wasm', stdout)).toEqual([
      expect.stringMatching(/^device +wasm, because onnxruntime-node cannot be loaded: .*; training takes/),
    ]);
  });

  test(
    'because the C library is musl, so Thaw does not try it',
    needs(process.platform === 'linux', 'Linux'),
    async () => {
      const preload = join(copies, 'musl.mjs');
      writeFileSync(
        preload,
        `const getReport = process.report.getReport.bind(process.report);
      process.report.getReport = () => {
        const report = getReport();
        delete report.header.glibcVersionRuntime;
        return report;
      };`,
      );
      const { code, stdout } = await node(
        '--import',
        pathToFileURL(preload).href,
        'src/cli/main.ts',
        'inspect',
        project.model,
      );
      expect(code).toBe(0);
      expect(linesWith('wasm', stdout)).toEqual([
        expect.stringMatching(/^device +wasm, because onnxruntime-node has no binary for musl \(Alpine\), only for /),
      ]);
    },
  );
});

test('a stopped and resumed training on WebAssembly gives the same bytes as an uninterrupted one', async () => {
  await trainHere('whole', 'wasm');
  const controller = new AbortController();
  const onEvent = (event: JobEvent) => event.type === 'epoch' && event.epoch === 1 && controller.abort();
  const stopped = await trainHere('stopped', 'wasm', { signal: controller.signal, onEvent });
  expect(stopped.status).toBe('interrupted');
  const events: JobEvent[] = [];
  await resume(join(project.folder, 'stopped'), { onEvent: (event) => events.push(event) });
  expect(events).toContainEqual(expect.objectContaining({ type: 'device', device: 'wasm' }));
  const [whole, resumed] = ['whole', 'stopped'].map((name) => modelBytes(join(project.folder, name)));
  expect(resumed.equals(whole)).toBe(true);
});
