import { describe, expect, test } from 'vitest';
import { deferredTensor } from '../../src/onnx/index.ts';
import type { Runtime } from '../../src/runtime/index.ts';
import { type MemoryRequest, planMemory, readSettings, type TrainSettingsInput } from '../../src/session/index.ts';
import { imageCacheBytes } from '../../src/session/memory.ts';
import { classification } from '../../src/tasks/index.ts';
import { type NetworkOptions, prepared, runtime } from '../training/network.ts';

const request: MemoryRequest = {
  runtime,
  task: classification(['a', 'b', 'c']),
  samples: { train: 100, val: 10 },
  cache: 1e6,
};

const plan = async (settings: TrainSettingsInput, more: Partial<MemoryRequest> = {}, network: NetworkOptions = {}) =>
  planMemory(await prepared(network), readSettings({ batch: 12, trainable: 'all', ...settings }), {
    ...request,
    ...more,
  });

/** A limit between the memory needs of two batch sizes. */
async function limitBetween(smaller: number, larger: number, network: NetworkOptions = {}): Promise<number> {
  const totals = [smaller, larger].map(async (batch) => (await plan({ batch }, {}, network)).memory!.estimate.total);
  const [a, b] = await Promise.all(totals);
  expect(a).toBeLessThan(b);
  return (a + b) / 2;
}

describe('the memory of a training', () => {
  test('grows with the batch size, the trainable parameters and the optimizer’s state', async () => {
    const of = async (settings: TrainSettingsInput) => (await plan(settings)).memory!.estimate;
    const usual = await of({});
    expect((await of({ batch: 24 })).values).toBeGreaterThan(1.5 * usual.values);
    expect((await of({ trainable: 'head' })).state).toBeLessThan(usual.state);
    expect((await of({ optimizer: { name: 'sgd', momentum: 0 } })).state).toBeLessThan(
      (await of({ optimizer: 'adam' })).state,
    );
    expect((await of({ ema: 0.9 })).state).toBeGreaterThan(usual.state);
  });

  test('is that of the stage that needs the most', async () => {
    const stages = [
      { train: 'head', epochs: 1 },
      { train: 'all', epochs: 1 },
      { train: 'head', epochs: 1 },
    ];
    const [one, several] = [await plan({}), await plan({ trainable: undefined, stages })];
    expect(several.memory!.estimate).toEqual(one.memory!.estimate);
  });

  test.each([
    [2 ** 27, 7.5],
    [2 ** 29, 5],
    // One copy in each session.
    [2 ** 31, 1],
  ])('with %d bytes of weights has %d copies of them, if the runtime maps large ones', async (bytes, expected) => {
    const { network, anatomy } = await prepared();
    const unread = () => {
      throw new Error('the weights were read');
    };
    const range = { length: bytes, read: unread, pieces: unread };
    const large = deferredTensor('float32', [bytes / 4], range);
    const { model } = network;
    const initializers = new Map([...model.graph.initializers, ['frozen.weight', large]]);
    const withLarge = {
      anatomy,
      network: { ...network, model: { ...model, graph: { ...model.graph, initializers } } },
    };
    const copies = async (chosen: Runtime) => {
      const settings = readSettings({ batch: 12, trainable: 'head' });
      const { memory } = await planMemory(withLarge, settings, { ...request, runtime: chosen });
      return memory!.estimate.model / bytes;
    };
    expect(await copies(runtime)).toBeCloseTo(expected, 3);
    expect(await copies({ ...runtime, loadLarge: undefined })).toBeCloseTo(7.5, 3);
  });

  test('does not change the settings if it is available, or if the limit is unknown', async () => {
    for (const limit of [1e12, undefined]) {
      const { settings, memory } = await plan({}, { limit });
      expect(settings).toEqual(readSettings({ batch: 12, trainable: 'all' }));
      expect(memory?.notice).toBeUndefined();
    }
    expect(await plan({}, { limit: 1, runtime: { ...runtime, device: 'cuda' } })).not.toHaveProperty('memory');
  });
});

describe('a batch that needs more memory than available', () => {
  test('is divided into the fewest parts that fit, and these make the same update', async () => {
    const limit = await limitBetween(4, 6);
    const { settings, memory } = await plan({ accumulate: 2 }, { limit });
    // The sum of the gradients takes memory too.
    expect(settings.batch * settings.accumulate).toBe(24);
    expect(settings.batch).toBeLessThanOrEqual(4);
    expect(memory!.divided).toEqual({ batch: 12, parts: 12 / settings.batch });
    expect(memory!.estimate.total).toBeLessThanOrEqual(limit);
    expect(memory!.notice).toContain(`in ${12 / settings.batch} parts of ${settings.batch}`);
    // A batch that fits is not divided again.
    expect((await plan(settings, { limit })).settings).toEqual(settings);
  });

  test('can have a limit with a unit, or no limit', async () => {
    expect(readSettings({ memory: '1.5GB' }).memory).toBe(1.5e9);
    expect(readSettings({ memory: '512 MiB' }).memory).toBe(2 ** 29);
    expect(() => readSettings({ memory: 'much' })).toThrow('memory');
    const limit = await limitBetween(4, 6);
    expect((await plan({ memory: limit })).settings.batch).toBeLessThan(12);
    expect((await plan({ memory: 'off' }, { limit })).settings.batch).toBe(12);
  });

  test('stops the training, with the reason, if its parts would give another result', async () => {
    const network = { batchNorm: true };
    const limit = await limitBetween(4, 6, network);
    await expect(plan({ batchNorm: 'training' }, { limit }, network)).rejects.toMatchObject({
      code: 'memory',
      message: expect.stringContaining('batch normalization takes its statistics over the whole batch'),
      hint: expect.stringContaining('--memory off trains anyway'),
    });
    expect((await plan({ batchNorm: 'training', memory: 'off' }, { limit }, network)).settings.batch).toBe(12);
    expect((await plan({ batchNorm: 'frozen' }, { limit }, network)).settings.batch).toBeLessThan(12);
    await expect(plan({ loss: { classWeights: [1, 2, 3] } }, { limit })).rejects.toThrow('class weights');
  });

  test('stops the training if even single samples do not fit', async () => {
    for (const [settings, more, limit] of [
      [{}, { limit: 1e6 }, 'are there'],
      [{ memory: 1e6 }, {}, 'are allowed'],
    ] as const) {
      await expect(plan(settings, more)).rejects.toMatchObject({
        code: 'memory',
        message: expect.stringMatching(
          new RegExp(
            `^training takes about \\d+ MB with a batch of 12, and 1 MB ${limit}\\. With one sample at a time`,
          ),
        ),
      });
    }
  });
});

describe('an adaptive plan', () => {
  /** The network with more layer groups between the first and the others. They have no parameters. */
  async function deep() {
    const { network, anatomy } = await prepared();
    const [first, ...others] = anatomy.groups;
    const empty = Array.from({ length: 8 }, (_, i) => ({ ...first, name: `block${i}`, parameters: [], count: 0 }));
    return { network, anatomy: { ...anatomy, groups: [first, ...empty, ...others] } };
  }
  /** Cached features of more frozen layers may take more memory than training these layers. */
  const uncached = { ...request, cache: 0 };
  const settings = readSettings({ batch: 12 });
  const totalOf = async (trainable: string) =>
    (await planMemory(await deep(), readSettings({ batch: 12, trainable }), uncached)).memory!.estimate.total;

  test('thaws no more layers than fit, and reports that', async () => {
    const [some, all] = [await totalOf('last:8'), await totalOf('all')];
    expect(some).toBeLessThan(all);
    const { settings: limited, memory } = await planMemory(await deep(), settings, {
      ...uncached,
      limit: (some + all) / 2,
    });
    expect(limited).toEqual({ ...settings, thawMost: 8 });
    expect(memory!.notice).toMatch(/^training thaws last:8 at most: all would take about /);
    // As on a resume.
    expect((await planMemory(await deep(), limited, { ...uncached, limit: (some + all) / 2 })).settings).toEqual(
      limited,
    );
  });

  test('is unlimited with enough memory, and thaws no more layers if batches are divided', async () => {
    const enough = await planMemory(await deep(), settings, { ...uncached, limit: 1e12 });
    expect(enough.settings).toEqual(settings);
    const small = await planMemory(await deep(), settings, { ...uncached, limit: (await totalOf('last:8')) - 1 });
    expect(small.settings).toMatchObject({ thawMost: 8 });
    expect(small.settings.batch).toBeLessThan(12);
  });

  test('has the memory of the stages that a resumed training decided on', async () => {
    const stages = [{ train: 'all', epochs: 1 }];
    const { memory } = await planMemory(await deep(), settings, { ...uncached, stages });
    expect(memory!.estimate.total).toBe(await totalOf('all'));
  });
});

test('keeps decoded images if a good part of a data set fits', () => {
  const size = { width: 224, height: 224 };
  expect(imageCacheBytes(size, 20_000)).toBe(512 * 2 ** 20);
  expect(imageCacheBytes(size, 100_000)).toBe(0);
  expect(imageCacheBytes(size, 100_000, 4e9)).toBe(4e9);
});
