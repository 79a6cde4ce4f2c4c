import { spawn } from 'node:child_process';
import { existsSync, linkSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { COMMANDS } from '../../src/cli/commands/index.ts';
import { type Flags, flagName } from '../../src/cli/flags.ts';
import { usageOf } from '../../src/cli/help.ts';
import { runThaw } from '../../src/cli/run.ts';
import { TRAIN_FLAGS } from '../../src/cli/train-flags.ts';
import { ThawError } from '../../src/errors.ts';
import { readSettings, settingNames } from '../../src/session/index.ts';
import { needs, SIGNALS } from '../needs.ts';
import { makeProject, type Project } from '../node/commands/project.ts';
import { thaw } from './streams.ts';

let project: Project;
let run: string;
beforeAll(async () => {
  project = await makeProject({ train: 6, val: 3 });
  run = join(project.folder, 'run');
});
afterAll(() => project.remove());

const QUICK = ['--device', 'cpu', '--epochs', '2', '--preset', 'head-only', '--batch', '6', '--lr', '0.03'];

describe('help', () => {
  test('lists every command with its own name, usage and summary', async () => {
    const { code, out } = await thaw(['--help']);
    expect(code).toBe(0);
    for (const { name, usage, summary, load } of COMMANDS) {
      const { command } = await load();
      expect({ name: command.name, usage: usageOf(command), summary: command.summary }).toEqual({
        name,
        usage,
        summary,
      });
      expect(out).toContain(usage);
    }
  });

  test.each(COMMANDS.map(({ name }) => name))('thaw %s --help shows every flag', async (name) => {
    const { code, out } = await thaw([name, '--help']);
    const { command } = await COMMANDS.find((listed) => listed.name === name)!.load();
    expect(code).toBe(0);
    for (const flag of Object.keys(command.flags)) expect(out).toMatch(new RegExp(`--${flag}\\b`));
    expect(out).toContain('--json');
    expect(Math.max(...out.split('\n').map((line) => line.length))).toBeLessThanOrEqual(100);
  });

  test('every setting with a short value is a flag with the same default', () => {
    // Lists of objects and tables belong into config files.
    const inFiles = ['stages', 'groupRates'];
    const flags = settingNames.filter((name) => !inFiles.includes(name)).map(flagName);
    expect(Object.keys(TRAIN_FLAGS).sort()).toEqual(flags.sort());
    const declared: Flags = TRAIN_FLAGS;
    const defaults = readSettings({}) as Record<string, unknown>;
    for (const name of ['batch', 'lr', 'seed', 'preset', 'augment', 'valFraction', 'l2', 'dropout'])
      expect(declared[flagName(name)].default?.replace(', or the recommendation of the model', '')).toBe(
        String(defaults[name]),
      );
    for (const name of ['schedule', 'optimizer', 'loss'])
      expect(declared[name].default).toBe((defaults[name] as { name: string }).name);
  });

  test('is fast: it loads no package', () => {
    const packages = new Set<string>();
    const seen = new Set<string>();
    const visit = (file: string): void => {
      if (seen.has(file)) return;
      seen.add(file);
      const source = readFileSync(file, 'utf8');
      for (const [, from] of source.matchAll(/^import (?!type )[^;]*?from '([^']+)';$/gm)) {
        if (from.startsWith('.')) visit(join(file, '..', from));
        else if (!from.startsWith('node:')) packages.add(from);
      }
    };
    visit('src/cli/main.ts');
    expect([...packages]).toEqual([]);
    expect(seen.size).toBeLessThan(10);
  });
});

describe('an error that the user can fix takes one line and exit code 2', () => {
  const empty = (name: string) => {
    const folder = join(project.folder, name);
    mkdirSync(join(folder, 'cat'), { recursive: true });
    const images = readFileSync(join(project.data, 'val', 'red', '0.png'));
    for (const i of [0, 1]) writeFileSync(join(folder, 'cat', `${i}.png`), images);
    return folder;
  };
  const cases: [what: string, words: () => string[], line: RegExp][] = [
    ['an unknown command', () => ['trian'], /unknown command trian\. Did you mean train\?/],
    ['an unknown flag', () => ['train', 'm', 'd', '--epoch', '3'], /unknown flag --epoch\. Did you mean --epochs\?/],
    [
      'a flag by its name elsewhere',
      () => ['train', 'm', 'd', '--learning-rate', '3'],
      /unknown flag --learning-rate\. Did you mean --lr\?/,
    ],
    [
      'an option that does not exist',
      () => ['train', project.model, project.data, '--loss', '{"name":"focal","gama":2}'],
      /setting loss: there is no "gama"\. Did you mean gamma\? See/,
    ],
    [
      'an optimizer that does not exist',
      () => ['train', project.model, project.data, '--optimizer', 'adamm'],
      /setting optimizer\.name: it takes sgd, .* or muon, not "adamm" \(did you mean adam\?\)/,
    ],
    ['a flag before the command', () => ['--seed', '3'], /unknown flag --seed\./],
    ['a flag twice', () => ['train', 'm', 'd', '--lr', '1', '--lr=2'], /--lr is given twice/],
    ['a flag without its value', () => ['train', 'm', 'd', '--lr'], /--lr needs a value/],
    ['a flag in place of a value', () => ['train', 'm', 'd', '--out', '--json'], /--out needs a value/],
    ['a value that is not a number', () => ['train', 'm', 'd', '--lr', 'fast'], /--lr takes a number, not "fast"/],
    ['a value out of range', () => ['train', 'm', 'd', '--lr', '-1'], /setting lr/],
    [
      'a device that does not exist',
      () => ['train', 'm', 'd', '--device', 'gpu'],
      /--device takes auto, cpu, .* or wasm, not "gpu"\. Did you mean cuda\?/,
    ],
    ['a missing argument', () => ['train', 'm'], /thaw train needs <data>/],
    ['an unexpected argument', () => ['resume', 'a', 'b'], /got an unexpected argument "b"/],
    ['an augmentation that does not exist', () => ['train', 'm', 'd', '--augment', 'wild'], /policy "wild"/],
    ['broken JSON', () => ['train', 'm', 'd', '--augment', '{"a"'], /--augment/],
    ['a missing config file', () => ['train', 'm', 'd', '--config', 'no.yaml'], /config file no\.yaml does not exist/],
    ['a missing model', () => ['train', 'no.onnx', project.data, '--device', 'cpu'], /no\.onnx does not exist/],
    [
      'a text file as model',
      () => {
        const file = join(project.folder, 'text.onnx');
        writeFileSync(file, 'not a model');
        return ['train', file, project.data, '--device', 'cpu'];
      },
      /text\.onnx is not an ONNX model/,
    ],
    [
      'a truncated model',
      () => {
        const file = join(project.folder, 'cut.onnx');
        const whole = readFileSync(join(project.model, 'model.onnx'));
        writeFileSync(file, whole.subarray(0, whole.length / 2));
        return ['inspect', file];
      },
      /cut\.onnx is truncated/,
    ],
    ['missing images', () => ['train', project.model, 'nowhere', '--device', 'cpu'], /nowhere does not exist/],
    ['one class', () => ['train', project.model, empty('one'), '--device', 'cpu'], /only one class, "cat"/],
    [
      'an empty class',
      () => {
        const folder = empty('hollow');
        mkdirSync(join(folder, 'dog'), { recursive: true });
        return ['train', project.model, folder, '--device', 'cpu'];
      },
      /class "dog" is empty/,
    ],
    [
      'data before the model',
      () => ['train', project.data, project.model],
      /the arguments are swapped: \S+ is a model, and \S+ is not\. Write thaw train \S+model \S+$/m,
    ],
    [
      'images before the run',
      () => ['predict', 'a.png', 'model.onnx', 'b.png'],
      /Write thaw predict model\.onnx a\.png b\.png/,
    ],
    ['contradicting flags', () => ['artifacts', 'm', '--out', 'x', '--classes', '2', '--keep-head'], /contradict/],
    ['an invalid shape', () => ['inspect', 'm', '--input', 'x'], /--input takes NAME:SHAPE/],
    ['a folder that is not a run', () => ['resume', project.folder], /is not a run/],
    [
      'files that are not images',
      () => ['predict', project.model, join(project.model, 'model.onnx'), '--labels', 'a,b,c,d,e'],
      /not a usable image/,
    ],
  ];
  test.each(cases)('%s', async (_, words, line) => {
    const { code, out, err } = await thaw(words());
    expect(err).toMatch(line);
    expect(err).toMatch(/^thaw: [^\n]+\n$/);
    expect(code).toBe(2);
    expect(out.split('\n').filter((text) => !/^(data|$|\{"type":"error")/.test(text))).toEqual([]);
  });

  test.each(cases)('%s with --json is also one JSON document', async (_, words, line) => {
    const { code, out } = await thaw([...words(), '--json']);
    expect(code).toBe(2);
    const { type, code: kind, message, hint } = JSON.parse(out.trim().split('\n').at(-1)!);
    expect({ type, kind }).toEqual({ type: 'error', kind: expect.stringMatching(/^[a-z-]+$/) });
    expect(`thaw: ${new ThawError(kind, message, hint).line}`).toMatch(line);
  });

  test('--debug adds the stack trace', async () => {
    const { code, err } = await thaw(['inspect', 'no.onnx', '--debug']);
    expect(code).toBe(2);
    expect(err).toMatch(/^thaw: no\.onnx does not exist.*\n.*ThawError/);
  });
});

test('a system error is not reported as a bug', async () => {
  const refused = { code: 'EACCES', syscall: 'open', path: '/locked/model.onnx' };
  const stdout = {
    write() {
      throw Object.assign(new Error('EACCES: permission denied'), refused);
    },
  };
  let err = '';
  const stderr = {
    write(text: string) {
      err += text;
    },
  };
  expect(await runThaw(['--version'], { stdout, stderr, env: {} })).toBe(2);
  expect(err).toBe('thaw: /locked/model.onnx: permission denied. Change the permissions\n');
});

describe('a training', () => {
  test('prints its progress and the next steps in plain lines without control characters', async () => {
    const { code, out, err } = await thaw(['train', project.model, project.data, '--out', run, ...QUICK]);
    expect({ code, err }).toEqual({ code: 0, err: '' });
    // biome-ignore lint/suspicious/noControlCharactersInRegex: checks that the output has none of them
    expect(out).not.toMatch(/[\r\x1b]/);
    expect(out).toMatch(/3 classes, 18 training, 9 validation images/);
    expect(out).toMatch(/stage 1\/1 head/);
    expect(out).toMatch(/epoch 2\/2 .*val loss/);
    expect(out).toMatch(/Done in .*: validation accuracy .* on 9 images/);
    expect(out).toContain(`thaw predict ${run} IMAGE`);
  });

  test('with --json prints JSON lines to stdout and everything else to stderr', async () => {
    const out = join(project.folder, 'json');
    const output = await thaw(['train', project.model, project.data, '--out', out, '--json', ...QUICK]);
    const lines = output.out
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(lines.filter(({ type }) => type === 'epoch')).toHaveLength(2);
    expect(lines.at(-1)).toMatchObject({ type: 'done', status: 'finished', epochs: 2 });
    expect(output.err).toMatch(/Done in/);
  });

  test('reads a config file, and flags override it', async () => {
    const file = join(project.folder, 'my.config.json');
    const out = join(project.folder, 'configured');
    const stages = [{ train: 'fc', epochs: 1 }];
    writeFileSync(file, JSON.stringify({ stages, 'weight-decay': 0.2, seed: 5, device: 'cpu', batch: 9 }));
    const { code } = await thaw(['train', project.model, project.data, '--out', out, '--config', file, '--seed', '7']);
    expect(code).toBe(0);
    const written = readFileSync(join(out, 'config.yaml'), 'utf8');
    expect(written).toMatch(/^seed: 7$/m);
    expect(written).toMatch(/^ {2}weightDecay: 0\.2$/m);
    expect(written).toMatch(/^batch: 9$/m);
    const again = join(project.folder, 'repeated');
    // The file also contains the model and the data.
    await thaw(['train', '--out', again, '--config', join(out, 'config.yaml')]);
    const model = (folder: string) => readFileSync(join(folder, 'model', 'onnx', 'model.onnx'));
    expect(model(again).equals(model(out))).toBe(true);
  });

  test('takes missing model and data arguments from a config file, and reports paths that do not exist', async () => {
    const file = join(project.folder, 'subject.yaml');
    const train = (...words: string[]) => thaw(['train', ...words, '--config', file]);
    const gone = join(project.folder, 'gone');
    writeFileSync(file, `model: default\ndata: ${gone}\nepochs: 0\n`);
    expect(await train()).toMatchObject({
      code: 2,
      err: expect.stringMatching(
        /subject\.yaml has data: \S+gone, but \S+gone does not exist\. Give both, thaw train MODEL DATA --config \S+subject\.yaml/,
      ),
    });
    // Arguments win, so the error is about the epochs.
    expect((await train('default', project.data)).err).toContain('epochs');
    writeFileSync(file, `model: ${gone}.onnx\ndata: ${project.data}\nepochs: 0\n`);
    expect((await train()).err).toContain('has model: ');
    expect((await train(project.model)).err).toContain('epochs');
    writeFileSync(file, `model: default\n`);
    expect((await train()).err).toContain('thaw train needs <data>');
    writeFileSync(file, `model: [1]\ndata: ${project.data}\n`);
    expect((await train()).err).toContain('model must be a text');
  });

  test('refuses unknown settings in a config file', async () => {
    const file = join(project.folder, 'wrong.yaml');
    writeFileSync(file, 'epoch: 3\n');
    const { code, err } = await thaw(['train', project.model, project.data, '--config', file]);
    expect({ code, err }).toMatchObject({ code: 2, err: expect.stringContaining('Did you mean epochs?') });
  });
});

describe('a finished run', () => {
  test('is evaluated', async () => {
    const people = await thaw(['eval', run, project.data, '--device', 'cpu']);
    expect(people.out).toMatch(/^measures {2}\d+ images: val of .*\naccuracy .*%/);
    expect(people.out).toMatch(/true \\ predicted +blue +green +red/);
    const { out } = await thaw(['eval', run, project.data, '--json']);
    const evaluation = JSON.parse(out);
    expect(Object.keys(evaluation).slice(0, 6)).toEqual(['loss', 'accuracy', 'top5', 'f1', 'perClass', 'confusion']);
    expect(evaluation.perClass[0]).toMatchObject({ label: 'blue', support: 3 });
    expect(evaluation.intervals.accuracy).toHaveLength(2);
    expect(people.out).toContain(`ROC AUC ${evaluation.rocAuc.toFixed(3)}`);
  });

  test('labels images, and reports files that are not images', async () => {
    const folder = join(project.data, 'val', 'red');
    const other = join(project.folder, 'note.txt');
    writeFileSync(other, 'no image');
    const { code, out } = await thaw(['predict', run, folder, other]);
    expect(code).toBe(0);
    expect(out.trim().split('\n')).toHaveLength(4);
    expect(out).toMatch(/skipped .*note\.txt/);
    const json = await thaw(['predict', run, folder, other, '--json']);
    expect(JSON.parse(json.out)).toHaveLength(3);
    expect(json.err).toMatch(/skipped .*note\.txt/);
    expect(Object.keys(JSON.parse(json.out)[0])).toEqual(['file', 'label', 'probability', 'probabilities']);
  });

  test('is exported in other formats, one at a time', async () => {
    expect((await thaw(['export', run])).out).toMatch(/run\.onnx: .*MB/);
    const { out } = await thaw(['export', run, '--fp16', '--json']);
    expect(JSON.parse(out)).toMatchObject({ file: expect.stringMatching(/model_fp16\.onnx$/) });
    expect((await thaw(['export', run, '--fp16', '--quantize'])).code).toBe(2);
  });
});

test('inspect, artifacts, find-lr and models print text and JSON', async () => {
  const inspected = await thaw(['inspect', project.model, '--json']);
  expect(JSON.parse(inspected.out)).toMatchObject({ parameters: 453, head: { classes: 5 } });
  const folder = join(project.folder, 'compiled');
  const compiled = await thaw(['artifacts', project.model, '--out', folder, '--trainable', 'last:2']);
  expect(compiled.out).toMatch(/trains 4 tensors \(341 of 453 parameters\)/);
  expect(existsSync(join(folder, 'manifest.json'))).toBe(true);
  const plot = join(project.folder, 'rates.html');
  const rates = await thaw([
    'find-lr',
    project.model,
    project.data,
    '--steps',
    '20',
    '--plot',
    plot,
    '--device',
    'cpu',
  ]);
  expect(rates.out).toMatch(/[▁-█]{10,}/);
  expect(rates.out).toMatch(/--lr \d/);
  expect(readFileSync(plot, 'utf8')).toMatch(/<svg.*<\/svg>/s);
  expect(JSON.parse((await thaw(['models', '--json'])).out)[0]).toHaveProperty('licence');
});

test('Ctrl-C saves and exits with 130', SIGNALS, async () => {
  const out = join(project.folder, 'interrupted');
  const words = ['train', project.model, project.data, '--out', out, '--device', 'cpu', '--epochs', '400', '--json'];
  const child = spawn(process.execPath, ['--import', 'tsx', 'src/cli/main.ts', ...words], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  child.stderr.on('data', (text) => {
    output += text;
  });
  let asked = false;
  child.stdout.on('data', (text) => {
    if (asked || !String(text).includes('"type":"step"')) return;
    asked = child.kill('SIGINT');
    // Like npm.
    child.kill('SIGINT');
  });
  const code = await new Promise((resolve) => child.on('exit', resolve));
  expect({ code, output }).toEqual({ code: 130, output: expect.stringContaining(`thaw resume ${out}`) });
  expect(existsSync(join(out, 'checkpoints', 'last', 'checkpoint.safetensors'))).toBe(true);
});

test('Ctrl-C while Thaw checks the images ends it at once, with one line', SIGNALS, async () => {
  const data = join(project.folder, 'many');
  for (const name of ['red', 'blue']) {
    mkdirSync(join(data, name), { recursive: true });
    const [image] = readdirSync(join(project.data, 'train', name));
    // Takes some seconds to check.
    for (let i = 0; i < 4000; i++) linkSync(join(project.data, 'train', name, image), join(data, name, `${i}.png`));
  }
  const out = join(project.folder, 'not-begun');
  const words = ['train', project.model, data, '--out', out, '--device', 'cpu', '--verify', 'full', '--json'];
  const child = spawn(process.execPath, ['--import', 'tsx', 'src/cli/main.ts', ...words], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let [events, output, asked] = ['', '', 0];
  child.stderr.on('data', (text) => {
    output += text;
  });
  child.stdout.on('data', (text) => {
    events += text;
    if (asked || !events.includes('"type":"device"')) return;
    asked = performance.now();
    setTimeout(() => {
      child.kill('SIGINT');
      child.kill('SIGINT');
    }, 200);
  });
  expect(await new Promise((resolve) => child.on('close', resolve))).toBe(130);
  expect(output.match(/thaw: stopped; nothing was saved yet/g)).toHaveLength(1);
  expect(events).not.toContain('"type":"data"');
  expect(existsSync(out)).toBe(false);
});

test('a reader that takes only the first line of predictions gets no message about it', SIGNALS, async () => {
  const images = Array.from({ length: 400 }, () => join(project.data, 'val/red/0.png'));
  for (const flags of [[], ['--json']]) {
    const words = ['predict', project.model, ...images, '--labels', 'a,b,c,d,e', '--device', 'cpu', ...flags];
    const child = spawn(process.execPath, ['--import', 'tsx', 'src/cli/main.ts', ...words], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let errors = '';
    child.stderr.on('data', (text) => {
      errors += text;
    });
    child.stdout.once('data', () => child.stdout.destroy());
    await new Promise((resolve) => child.on('close', resolve));
    expect(errors).toBe('');
  }
});

const brokenPipes = needs(process.platform !== 'win32', 'a system that reports a pipe without a reader');
test('a training saves itself when its reader is gone', brokenPipes, async () => {
  const out = join(project.folder, 'unread');
  const words = ['train', project.model, project.data, '--out', out, '--device', 'cpu', '--epochs', '400', '--json'];
  const child = spawn(process.execPath, ['--import', 'tsx', 'src/cli/main.ts', ...words], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  child.stdout.on('data', (text) => {
    if (String(text).includes('"type":"step"')) child.stdout.destroy();
  });
  expect(await new Promise((resolve) => child.on('exit', resolve))).toBe(130);
  expect(existsSync(join(out, 'checkpoints', 'last', 'checkpoint.safetensors'))).toBe(true);
});
