import { mkdirSync, readFileSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { readSafetensors, writeSafetensors } from '../../../src/compiler/step/index.ts';
import { ImageSource } from '../../../src/data/index.ts';
import { readRoundState, writeRoundState } from '../../../src/federated/index.ts';
import { firstState, round, train } from '../../../src/node/commands/index.ts';
import { readModelFile } from '../../../src/node/models/files.ts';
import { FeatureFolder } from '../../../src/node/run/index.ts';
import { bytesOf, type Tensor, tensor } from '../../../src/onnx/index.ts';
import type { TrainingSettings, TrainSettingsInput } from '../../../src/session/index.ts';
import { thaw } from '../../cli/streams.ts';
import { makeProject, type Project, saveModel } from './project.ts';

const CLASSES = ['blue', 'green', 'red'];
const PLAN: TrainingSettings = {
  device: 'cpu',
  batch: 6,
  lr: 0.03,
  dropout: 0.1,
  augment: { horizontalFlip: { probability: 0.5 } },
  stages: [
    { train: 'head', epochs: 2 },
    { train: 'last:2', epochs: 2 },
  ],
};
const HEAD: TrainingSettings = { ...PLAN, stages: undefined, trainable: 'head', epochs: 1 };

let project: Project;
let cache: string;
beforeAll(async () => {
  project = await makeProject();
  cache = join(project.folder, 'cache');
  vi.stubEnv('THAW_CACHE', cache);
});
afterEach(() => vi.restoreAllMocks());
afterAll(() => {
  vi.unstubAllEnvs();
  project.remove();
});

const first = (settings: TrainSettingsInput = HEAD, state?: Uint8Array) =>
  firstState({ model: project.model, state, settings: { labels: CLASSES, ...settings } });
const go = (state: Uint8Array, settings: TrainSettingsInput = HEAD, more: object = {}) =>
  round({ model: project.model, data: project.data, state, settings, ...more });
const hex = (tensors: ReadonlyMap<string, Tensor>) =>
  Object.fromEntries([...tensors].map(([name, value]) => [name, Buffer.from(bytesOf(value)).toString('hex')]));
const tensorsOf = (state: Uint8Array) => readRoundState(state).tensors;

describe('one machine, one round', () => {
  test('is bit-identical to a training with the same plan', async () => {
    const run = join(project.folder, 'run');
    await train({ model: project.model, data: project.data, out: run, settings: PLAN });
    const kept = readSafetensors(readFileSync(join(run, 'checkpoints', 'last', 'checkpoint.safetensors'))).tensors;
    const outcome = await go(await first(PLAN), PLAN);
    const mine = hex(tensorsOf(outcome.state!));
    expect(Object.keys(mine).sort()).toEqual(['block.bias', 'block.weight', 'fc.bias', 'fc.weight']);
    expect(mine).toEqual(Object.fromEntries(Object.keys(mine).map((name) => [name, hex(kept)[name]])));
    const rows = readFileSync(join(run, 'metrics.jsonl'), 'utf8').trim().split('\n');
    const { train: trained, val } = JSON.parse(rows.at(-1)!);
    expect(outcome).toMatchObject({ examples: 24, epochs: 4, epoch: 4, train: trained, val });
  });

  test('contains only the trainable parameters, byte by byte', async () => {
    const state = await first();
    expect([...tensorsOf(state).keys()].sort()).toEqual(['fc.bias', 'fc.weight']);
    const { bytes } = await go(state);
    expect(bytes).toEqual({ received: 4 * (3 * 8 + 3), sent: 4 * (3 * 8 + 3) });
  });

  test('continues after the last one: new orders and views, and no frozen features are computed twice', async () => {
    vi.stubEnv('THAW_CACHE', join(project.folder, 'fresh-cache'));
    const read = vi.spyOn(ImageSource.prototype, 'batches');
    const computed = vi.spyOn(FeatureFolder.prototype, 'set');
    const two = { ...HEAD, views: 2 };
    let state = await first(two);
    const views: unknown[] = [];
    const fresh: number[] = [];
    for (const epoch of [1, 2, 3]) {
      read.mockClear();
      computed.mockClear();
      const outcome = await go(state, two);
      views.push(read.mock.calls.map(([{ epoch: at, view }]) => [at, view]).find(([, view]) => view !== undefined));
      fresh.push(computed.mock.calls.length);
      expect(outcome.epoch).toBe(epoch);
      state = outcome.state!;
    }
    expect(views).toEqual([
      [0, 0],
      [1, 1],
      [2, 0],
    ]);
    // First the validation images and one view; then the other view of images that are flipped in one of both; then nothing.
    expect(fresh).toEqual([12 + 24, 10, 0]);
    vi.stubEnv('THAW_CACHE', cache);
  });

  test('only measures the state on request', async () => {
    const { state } = await go(await first());
    const measured = await go(state!, HEAD, { evaluateOnly: true });
    const again = await go(state!, HEAD, { evaluateOnly: true });
    expect(measured).toMatchObject({ state: null, examples: 12, epochs: 0, epoch: 1, train: null });
    expect(measured.val.accuracy).toBeGreaterThan(0);
    expect(again.val).toEqual(measured.val);
  });

  test('stays closer to its initial state for a larger μ', async () => {
    const state = await first();
    const moved = async (proximal: number) => {
      const after = tensorsOf((await go(state, { ...HEAD, epochs: 3, optimizer: 'sgd' }, { proximal })).state!);
      const before = tensorsOf(state);
      return Math.hypot(
        ...[...after].flatMap(([name, { data }]) =>
          [...(data as Float32Array)].map((x, i) => x - (before.get(name)!.data as Float32Array)[i]),
        ),
      );
    };
    const [free, held, tight] = [await moved(0), await moved(1), await moved(10)];
    expect(held).toBeLessThan(0.95 * free);
    expect(tight).toBeLessThan(0.6 * held);
  });
});

test('a stage with more layers adds to the state and keeps its entries', async () => {
  const { state } = await go(await first());
  const grown = await first({ ...PLAN, stages: [{ train: 'last:2', epochs: 1 }] }, state!);
  const [before, after] = [hex(tensorsOf(state!)), hex(tensorsOf(grown))];
  expect(after).toMatchObject(before);
  expect(Object.keys(after).sort()).toEqual(['block.bias', 'block.weight', 'fc.bias', 'fc.weight']);
  const model = (await readModelFile(join(project.model, 'model.onnx'))).graph.initializers;
  expect(after['block.weight']).toBe(hex(new Map([['w', model.get('block.weight')!]])).w);
  // A round with missing entries initializes them in the same way.
  const wide = { ...PLAN, stages: [{ train: 'last:2', epochs: 1 }] };
  expect(hex(tensorsOf((await go(state!, wide)).state!))).toEqual(hex(tensorsOf((await go(grown, wide)).state!)));
  // Back to the head: thawed parameters stay in the state, unchanged.
  const back = hex(tensorsOf((await go(grown)).state!));
  expect(back['block.weight']).toBe(after['block.weight']);
  expect(back['fc.weight']).not.toBe(after['fc.weight']);
});

test('a machine can lack classes of other machines', async () => {
  const rows = [...Array(8).keys()].map((i) => `images/train/red/${i}.png,red`);
  const table = join(project.folder, 'only-red.csv');
  writeFileSync(table, ['file_name,label', ...rows].join('\n'));
  const outcome = await round({ model: project.model, data: table, state: await first(), settings: HEAD });
  expect(outcome.examples).toBe(6);
  expect(tensorsOf(outcome.state!).get('fc.bias')!.shape).toEqual([3]);
});

describe('refuses', () => {
  test('the state of another model, with both names', async () => {
    const state = await first();
    const { source, ...rest } = readRoundState(state);
    const other = writeRoundState({ ...rest, source: 'ab'.repeat(32) });
    await expect(go(other)).rejects.toMatchObject({
      code: 'bad-model',
      message: expect.stringMatching(new RegExp(`${'ab'.repeat(32)}.*${source}`)),
    });
  });

  test.each<[string, Record<string, Tensor>, RegExp]>([
    ['an unknown entry', { 'fc.wait': tensor('float32', [1], Float32Array.of(1)) }, /"fc.wait" is not a parameter/],
    ['another shape', { 'fc.bias': tensor('float32', [2], new Float32Array(2)) }, /float32 \[2\].* float32 \[3\]/],
    ['NaN', { 'fc.bias': tensor('float32', [3], new Float32Array(3).fill(Number.NaN)) }, /not finite/],
    ['infinity', { 'fc.bias': tensor('float32', [3], Float32Array.of(0, Infinity, 0)) }, /not finite/],
    ['another type', { 'fc.bias': tensor('float64', [3], new Float64Array(3)) }, /is float64 \[3\]/],
    ['many dimensions', { 'fc.bias': tensor('float32', [1, 3, 1], new Float32Array(3)) }, /float32 \[1, 3, 1\]/],
  ])('a state with %s', async (_, entries, message) => {
    const state = readRoundState(await first());
    const tensors = new Map([...state.tensors, ...Object.entries(entries)]);
    await expect(go(writeRoundState({ ...state, tensors }))).rejects.toThrow(message);
  });

  test('an invalid state, other seeds and tasks, moving averages, and images of unknown classes', async () => {
    const state = await first();
    await expect(go(writeSafetensors({ tensors: new Map(), metadata: {} }))).rejects.toThrow(
      /not the state of a round/,
    );
    await expect(go(state, { ...HEAD, seed: 5 })).rejects.toThrow('made with seed 0, not 5');
    await expect(go(state, { ...HEAD, task: 'embedding' })).rejects.toThrow('made with task classification');
    await expect(go(state, { ...HEAD, ema: 0.9 } as unknown as TrainSettingsInput)).rejects.toThrow(/moving average/);
    await expect(go(state, { preset: 'adaptive' })).rejects.toThrow(/adaptive is not available in rounds/);
    const two = await first({ ...HEAD, labels: ['blue', 'green'] });
    await expect(go(two)).rejects.toThrow(/no class .*red/);
    await expect(first({ ...HEAD, labels: undefined })).rejects.toThrow(/classes of all machines/);
  });
});

describe('the command refuses an invalid state file', () => {
  test.each<[string, (file: string) => void, RegExp]>([
    ['none', () => undefined, /does not exist/],
    ['a folder', (file) => mkdirSync(file), /is not a file/],
    ['a device', (file) => symlinkSync('/dev/zero', file), /is not a file/],
    ['an empty file', (file) => writeFileSync(file, ''), /ends before its header/],
    ['text', (file) => writeFileSync(file, 'a'.repeat(100)), /ends before its header does/],
    ['a header longer than the file', (file) => writeFileSync(file, Buffer.alloc(16, 255)), /ends before/],
    ['a file that is too large', (file) => truncateSync(openedFile(file), 2 ** 31), /too large for a state/],
    ['a tensor longer than the file', (file) => writeFileSync(file, declared([2 ** 30, 2 ** 30])), /damaged/],
    [
      'a large tensor without bytes',
      (file) => writeFileSync(file, declared([0, 2 ** 52])),
      /is not a parameter|float32/,
    ],
  ])('%s', async (name, make, message) => {
    const file = join(project.folder, `no state ${name}`);
    make(file);
    const words = ['round', project.model, project.data, '--in', file, '--out', join(project.folder, 'never')];
    const { code, err } = await thaw([...words, '--trainable', 'head', '--device', 'cpu']);
    expect([code, err.trim().split('\n').at(-1)]).toEqual([2, expect.stringMatching(message)]);
  });

  const openedFile = (file: string) => {
    writeFileSync(file, '');
    return file;
  };

  /** A state with one tensor without bytes and with a false shape. */
  function declared(shape: readonly number[]): Uint8Array {
    const { source } = readSafetensors(known).metadata;
    const task = JSON.stringify({ task: 'classification', classes: CLASSES });
    const metadata = { format: 'thaw-round', version: '1', source, task, seed: '0', epoch: '0' };
    const entry = { dtype: 'F32', shape, data_offsets: [0, 0] };
    const json = Buffer.from(JSON.stringify({ __metadata__: metadata, 'fc.bias': entry }));
    const head = Buffer.alloc(8);
    head.writeBigUInt64LE(BigInt(json.length));
    return Buffer.concat([head, json]);
  }

  let known: Uint8Array;
  beforeAll(async () => {
    known = await first();
  });
});

test('the state contains running statistics if they train', async () => {
  const { smallModel, weights } = await import('../../small-models.ts');
  const ones = (n: number) => tensor('float32', [n], new Float32Array(n).fill(1));
  const zeros = (n: number) => tensor('float32', [n], new Float32Array(n));
  const model = saveModel(
    project,
    'normalized',
    smallModel({
      inputs: { input: ['batch', 3, 16, 16] },
      outputs: { output: ['batch', 5] },
      initializers: {
        'stem.weight': weights([4, 3, 3, 3], 1),
        'bn.weight': ones(4),
        'bn.bias': zeros(4),
        'bn.mean': zeros(4),
        'bn.var': ones(4),
        'fc.weight': weights([5, 4], 5),
        'fc.bias': weights([5], 6),
      },
      nodes: [
        ['Conv', ['input', 'stem.weight'], ['s'], { pads: [1, 1, 1, 1] }, '/stem/Conv'],
        ['BatchNormalization', ['s', 'bn.weight', 'bn.bias', 'bn.mean', 'bn.var'], ['n'], {}, '/bn'],
        ['Relu', ['n'], ['r'], {}, '/Relu'],
        ['GlobalAveragePool', ['r'], ['p'], {}, '/pool'],
        ['Flatten', ['p'], ['f'], {}, '/Flatten'],
        ['Gemm', ['f', 'fc.weight', 'fc.bias'], ['output'], { transB: 1 }, '/fc/Gemm'],
      ],
    }),
  );
  const settings = { ...HEAD, trainable: 'all', batchNorm: 'training' as const };
  const state = await firstState({ model, settings: { ...settings, labels: CLASSES } });
  expect([...tensorsOf(state).keys()]).toEqual(expect.arrayContaining(['bn.mean', 'bn.var', 'bn.weight']));
  // Tells an averaging server which entries cannot be negative.
  expect(JSON.parse(readSafetensors(state).metadata.variances)).toEqual(['bn.var']);
  const below = new Map(tensorsOf(state)).set('bn.var', tensor('float32', [4], Float32Array.of(1, -0.1, 1, 1)));
  const spoilt = writeRoundState({ ...readRoundState(state), tensors: below });
  await expect(round({ model, data: project.data, state: spoilt, settings })).rejects.toThrow(/"bn.var" is a variance/);
  const outcome = await round({ model, data: project.data, state, settings });
  const [before, after] = [hex(tensorsOf(state)), hex(tensorsOf(outcome.state!))];
  expect(Object.keys(after).sort()).toEqual(Object.keys(before).sort());
  expect(after['bn.mean']).not.toBe(before['bn.mean']);
  const still = await firstState({ model, settings: { ...HEAD, trainable: 'all', labels: CLASSES } });
  expect([...tensorsOf(still).keys()]).not.toContain('bn.mean');
});

test('as commands: a first state, a round from a file, a measurement', async () => {
  const at = (name: string) => join(project.folder, name);
  writeFileSync(at('round.json'), JSON.stringify({ ...HEAD, proximal: 0.01 }));
  const common = ['round', project.model];
  const init = [...common, '--init', '--labels', CLASSES.join(), '--trainable', 'head', '--out', at('0.safetensors')];
  expect((await thaw([...init, '--json'])).code).toBe(0);
  const ids = ['--config', at('round.json'), '--json'];
  const trained = await thaw([
    ...[...common, project.data, '--in', at('0.safetensors'), '--out', at('1.safetensors')],
    ...ids,
  ]);
  expect(trained.code).toBe(0);
  expect(JSON.parse(trained.out)).toMatchObject({ examples: 24, epochs: 1, state: at('1.safetensors') });
  const measured = await thaw([...common, project.data, '--in', at('1.safetensors'), '--evaluate', ...ids]);
  expect(JSON.parse(measured.out).val.accuracy).toBe(JSON.parse(trained.out).val.accuracy);
  const refused = await thaw([...common, project.data, '--out', at('2.safetensors')]);
  expect([refused.code, refused.err]).toEqual([2, expect.stringContaining('--init')]);
});
