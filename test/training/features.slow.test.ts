// Frozen layers process each image once, and the cached features give the same results.
import { describe, expect, it } from 'vitest';
import { inferShapes } from '../../src/compiler/shapes/index.ts';
import { findHead, groupsOf } from '../../src/compiler/surgery/index.ts';
import type { BatchSource } from '../../src/data/index.ts';
import { bytesOf } from '../../src/onnx/index.ts';
import type { Runtime } from '../../src/runtime/index.ts';
import { classification } from '../../src/tasks/index.ts';
import {
  type Checkpoint,
  FeatureCache,
  type FeatureCacheOptions,
  type FeatureStore,
  parseConfig,
  Trainer,
  type TrainerOptions,
  type TrainingConfigInput,
  trainingSchema,
} from '../../src/training/index.ts';
import { ints, type NodeLine, smallModel, weights } from '../small-models.ts';
import { CLASSES, prepared, runtime, SIDE } from './network.ts';
import { RecallableImages, SyntheticImages } from './source.ts';

const TRAIN = 23;
const VAL = 15;
const classes = ['red', 'green', 'blue'];
const stages = [
  { train: 'head', epochs: 4 },
  { train: 'last:2', epochs: 3 },
];
const gradual: TrainingConfigInput = { stages, views: 2, dropout: 0.2, lr: 0.02, pretrainedRate: 1, seed: 3 };

interface Images {
  readonly train: BatchSource;
  readonly val: BatchSource;
}

const images = (content?: string) => ({
  train: new RecallableImages(TRAIN, 1, content),
  val: new RecallableImages(VAL, 2, content),
});

async function trainerOf(
  { train, val }: Images,
  features?: FeatureCache,
  config: TrainingConfigInput = gradual,
  options: Partial<TrainerOptions> = {},
): Promise<Trainer> {
  return new Trainer({
    ...(await prepared()),
    task: classification(classes),
    train,
    val,
    config: parseConfig(trainingSchema, { batch: 6, ...config }),
    runtime,
    features,
    ...options,
  });
}

async function finish(trainer: Trainer): ReturnType<typeof outcome> {
  for await (const _ of trainer.run());
  return outcome(trainer);
}

/** The entire result of a training, without times. */
async function outcome(trainer: Trainer) {
  const { progress, state } = await trainer.checkpoint();
  return {
    step: progress.step,
    rows: progress.rows.map(({ seconds, ...row }) => row),
    state: Object.fromEntries([...state].map(([name, t]) => [name, bytesOf(t).join()])),
  };
}

const run = async (from: Images, options: FeatureCacheOptions, config?: TrainingConfigInput) =>
  finish(await trainerOf(from, new FeatureCache(options), config));

/** Stores the bytes, like a store on disk. */
class MemoryStore implements FeatureStore {
  readonly kept = new Map<string, Uint8Array>();
  get = async (key: string) => this.kept.get(key);
  set = async (key: string, bytes: Uint8Array) => {
    this.kept.set(key, bytes.slice());
  };
}

describe('features give the same results', () => {
  // These stages cache 4 maps of 8x8 per image: 1 KiB.
  it.each([0, 5 * 1024, 30 * 1024, 2 ** 20])(
    'with %i bytes of memory, cached in part or completely',
    async (maximumBytes) => {
      const reference = await run(images(), { maximumBytes: 0 });
      const features = new FeatureCache({ maximumBytes });
      let most = 0;
      const trainer = await trainerOf(images(), features);
      for await (const _ of trainer.run()) most = Math.max(most, features.size);
      expect(await outcome(trainer)).toEqual(reference);
      expect(most).toBeLessThanOrEqual(maximumBytes);
      expect(most > 0).toBe(maximumBytes > 0);
    },
  );

  it.each([3, 9, 19])('after a stop at step %i and a resume, with and without the cached features', async (at) => {
    const whole = await run(images(), {});
    for (const keeps of [true, false]) {
      const features = new FeatureCache();
      const first = await trainerOf(images(), features);
      let steps = 0;
      for await (const { type } of first.run()) if (type === 'step' && ++steps === at) first.interrupt();
      const resume: Checkpoint = await first.checkpoint();
      expect(resume.progress.step).toBe(at);
      const second = await trainerOf(images(), keeps ? features : undefined, gradual, { resume });
      expect(await finish(second), `keeps ${keeps}`).toEqual(whole);
    }
  });

  it('a source without keys for its images trains as well', async () => {
    const plain = { train: new SyntheticImages(TRAIN, 1), val: new SyntheticImages(VAL, 2) };
    const { rows } = await run(plain, {}, { ...gradual, dropout: 0 });
    expect(rows.at(-1)!.train.loss).toBeLessThan(rows[0].train.loss);
  });

  it('views repeat in turn: as many per stage as requested, or a new one every epoch', async () => {
    const twice = images();
    const always = images();
    await run(twice, { maximumBytes: 0 });
    await run(always, { maximumBytes: 0 }, { ...gradual, views: 0 });
    expect(new Set(twice.train.drawn).size).toBe(4 * TRAIN);
    expect(twice.train.drawn.length).toBe(7 * TRAIN);
    expect(new Set(always.train.drawn).size).toBe(7 * TRAIN);
  });

  it('by themselves, views are three in a stage, and fewer new ones after few errors', async () => {
    const drawn = async (accuracy: number, config: TrainingConfigInput) => {
      const from = images();
      const plain = classification(classes);
      const task = {
        ...plain,
        scores: (of: Parameters<typeof plain.scores>[0]) => ({ ...plain.scores(of), accuracy }),
      };
      await finish(await trainerOf(from, new FeatureCache(), { seed: 3, ...config }, { task }));
      return from.train.drawn.length / TRAIN;
    };
    const head: TrainingConfigInput = { trainable: 'head', epochs: 6 };
    expect(await drawn(0.95, head)).toBe(2);
    expect(await drawn(0.8, head)).toBe(3);
    expect(await drawn(0.95, { ...head, views: 3 })).toBe(3);
    expect(await drawn(0.95, { trainable: 'last:2', epochs: 6 })).toBe(3);
    expect(await drawn(0.8, { stages })).toBe(6);
    expect(await drawn(0.95, { stages })).toBe(3);
    expect(await drawn(0.95, { stages, views: 3 })).toBe(6);
  });

  it('a later stage shows the same views as the first, so the features of the frozen layers are cached', async () => {
    const three = { ...gradual, stages: [...stages, { train: 'last:2', epochs: 3, lr: 0.01 }] };
    const [known, anew] = [images(), images()];
    await run(known, {}, three);
    await run(anew, { maximumBytes: 0 }, three);
    expect(new Set(anew.train.drawn).size).toBe(4 * TRAIN);
    // Two views in the first stage and two in the second.
    expect(known.train.drawn.length).toBe(4 * TRAIN);
    expect(anew.train.drawn.length).toBe(10 * TRAIN);
  });

  it('every epoch has new views if everything trains', async () => {
    const from = images();
    await run(from, {}, { trainable: 'all', epochs: 3, views: 1 });
    expect(new Set(from.train.drawn).size).toBe(3 * TRAIN);
  });
});

/** A runtime whose rounding depends on a row's position in the batch, like that of some ONNX Runtime kernels. */
const roundingByPlace: Runtime = {
  device: runtime.device,
  async load(model, options) {
    const session = await runtime.load(model, options);
    return {
      ...session,
      async run(feeds, fetches) {
        const results = await session.run(feeds, fetches);
        for (const { type, shape, data } of Object.values(results)) {
          if (type !== 'float32' || shape.length !== 4) continue;
          const row = data.length / shape[0];
          (data as Float32Array).forEach((value, i, all) => {
            all[i] = value * (1 + Math.floor(i / row) * 2 ** -20);
          });
        }
        return results;
      },
    };
  },
};

describe('if an image’s position in the batch changes its last bits', () => {
  it('images are computed one at a time, and the results do not depend on the cache', async () => {
    const finished = async (maximumBytes: number) => {
      const features = new FeatureCache({ maximumBytes });
      return finish(await trainerOf(images(), features, gradual, { runtime: roundingByPlace }));
    };
    const [none, some, all] = [await finished(0), await finished(5 * 1024), await finished(2 ** 20)];
    expect(some).toEqual(none);
    expect(all).toEqual(none);
  });
});

describe('an image is decoded once', () => {
  it('for all epochs and stages, and so is every validation image', async () => {
    const from = images();
    await run(from, {});
    expect(from.train.drawn.length).toBe(4 * TRAIN);
    expect(new Set(from.train.drawn).size).toBe(4 * TRAIN);
    expect(from.val.drawn.length).toBe(VAL);
  });

  it('as a validation image, also across trainers with the same cache, until content or weights change', async () => {
    const features = new FeatureCache();
    const first = images();
    await finish(await trainerOf(first, features));
    const again = images();
    await finish(await trainerOf(again, features));
    expect(again.val.drawn).toEqual([]);
    const changed = images('b');
    await finish(await trainerOf(changed, features));
    expect(changed.val.drawn.length).toBe(VAL);

    const { network, anatomy } = await prepared();
    const { graph } = network.model;
    const initializers = new Map(graph.initializers).set('conv1.weight', weights([4, 3, 3, 3], 77));
    const other = { ...network, model: { ...network.model, graph: { ...graph, initializers } } };
    const retrained = images();
    await finish(await trainerOf(retrained, features, gradual, { network: other, anatomy }));
    expect(retrained.val.drawn.length).toBe(VAL);
  });

  it('after a later stage freezes layers that an earlier stage trained', async () => {
    const from = images();
    const config = {
      ...gradual,
      stages: [
        { train: 'last:2', epochs: 1 },
        { train: 'head', epochs: 3 },
      ],
    };
    const cached = await run(from, {}, config);
    // Epochs 0 (another stage), 1, 2, and 3, which repeats the views of 1.
    expect(from.train.drawn.length).toBe(3 * TRAIN);
    expect(cached).toEqual(await run(images(), { maximumBytes: 0 }, config));
  });
});

describe('a feature store', () => {
  it('serves another process, which decodes no image', async () => {
    const store = new MemoryStore();
    const first = await run(images(), { store, environment: 'here' });
    const from = images();
    expect(await run(from, { store, environment: 'here' })).toEqual(first);
    expect([...from.train.drawn, ...from.val.drawn]).toEqual([]);
    const elsewhere = images();
    await run(elsewhere, { store, environment: 'there' });
    expect(elsewhere.val.drawn.length).toBe(VAL);
  });

  it('holds features that do not fit into memory', async () => {
    const from = images();
    const store = new MemoryStore();
    expect(await run(from, { store, maximumBytes: 0 })).toEqual(await run(images(), {}));
    expect(from.train.drawn.length).toBe(4 * TRAIN);
  });

  it('with too few bytes is ignored', async () => {
    const store = new MemoryStore();
    const first = await run(images(), { store });
    for (const [key, bytes] of store.kept) store.kept.set(key, bytes.subarray(4));
    const from = images();
    expect(await run(from, { store })).toEqual(first);
    expect(from.val.drawn.length).toBe(VAL);
  });
});

/**
 * A classifier whose Flatten depends on the batch, as exporters write it, or one that normalizes over all images of a
 * batch.
 */
async function unusual(kind: 'reshaped by size' | 'normalized by batch') {
  const middle: Record<typeof kind, NodeLine[]> = {
    'reshaped by size': [
      ['GlobalAveragePool', ['r'], ['p']],
      ['Shape', ['pixels'], ['shape']],
      ['Gather', ['shape', 'zero'], ['count'], { axis: 0 }],
      ['Concat', ['count', 'rest'], ['target'], { axis: 0 }],
      ['Conv', ['p', 'mix.weight'], ['m'], {}, '/mix/Conv'],
      ['Reshape', ['m', 'target'], ['f']],
    ],
    'normalized by batch': [
      ['GlobalAveragePool', ['r'], ['p']],
      ['ReduceMean', ['p', 'zero'], ['mean'], { keepdims: 1 }],
      ['Conv', ['p', 'mix.weight'], ['m'], {}, '/mix/Conv'],
      ['Sub', ['m', 'mean'], ['centred']],
      ['Flatten', ['centred'], ['f']],
    ],
  };
  const model = smallModel({
    opset: 18,
    inputs: { pixels: ['batch', 3, SIDE, SIDE] },
    outputs: { logits: ['batch', CLASSES] },
    initializers: {
      'conv.weight': weights([4, 3, 3, 3], 1),
      'mix.weight': weights([4, 4, 1, 1], 2),
      'fc.weight': weights([CLASSES, 4], 3),
      'fc.bias': weights([CLASSES], 4),
      zero: ints(0),
      rest: ints(-1),
    },
    nodes: [
      ['Conv', ['pixels', 'conv.weight'], ['c'], { pads: [1, 1, 1, 1] }, '/conv/Conv'],
      ['Relu', ['c'], ['r']],
      ...middle[kind],
      ['Gemm', ['f', 'fc.weight', 'fc.bias'], ['logits'], { transB: 1 }, '/fc/Gemm'],
    ],
  });
  const network = await inferShapes(model, runtime);
  const head = findHead(network.model);
  return { network, anatomy: { groups: groupsOf(network.model, head), head } };
}

describe('values that do not belong to one image', () => {
  const config: TrainingConfigInput = { trainable: ['mix.weight', 'head'], epochs: 4, views: 2, lr: 0.02 };

  it('are recomputed from the batch size, while the other features are cached', async () => {
    const network = await unusual('reshaped by size');
    const from = images();
    const cached = await finish(await trainerOf(from, undefined, config, network));
    expect(from.train.drawn.length).toBe(2 * TRAIN);
    const uncached = new FeatureCache({ maximumBytes: 0 });
    expect(cached).toEqual(await finish(await trainerOf(images(), uncached, config, network)));
  });

  it('disable the cache if they depend on all images of a batch', async () => {
    const from = images();
    const { rows } = await finish(await trainerOf(from, undefined, config, await unusual('normalized by batch')));
    expect(new Set(from.train.drawn).size).toBe(4 * TRAIN);
    expect(rows).toHaveLength(4);
  });
});

describe('the images of the next epoch', () => {
  /** Records when a pass over a source begins and ends. */
  const noted = (source: BatchSource, name: string, notes: string[]): BatchSource => ({
    length: source.length,
    async *batches(options) {
      notes.push(`${name} ${options.epoch} begins`);
      try {
        yield* source.batches(options);
      } finally {
        notes.push(`${name} ${options.epoch} ends`);
      }
    },
  });

  it('load before the epoch is evaluated, and loading stops if there is no next epoch', async () => {
    const notes: string[] = [];
    const { train, val } = images();
    const from = { train: noted(train, 'train', notes), val: noted(val, 'val', notes) };
    const config = { trainable: 'head', epochs: 5, patience: 2, lr: 1e-9, optimizer: 'sgd' } as const;
    await finish(await trainerOf(from, undefined, config));
    const pass = (what: string) => [`${what} begins`, `${what} ends`];
    expect(notes).toEqual([
      'train 0 begins',
      ...pass('val 0'),
      'train 0 ends',
      'train 1 begins',
      ...pass('val 0'),
      'train 1 ends',
      'train 2 begins',
      ...pass('val 0'),
      'train 2 ends',
      'train 3 begins',
      ...pass('val 0'),
      'train 3 ends',
    ]);
  });
});
