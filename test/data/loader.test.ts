import { writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import {
  augmentationPolicies,
  type Batch,
  ImageCache,
  type ImageSourceOptions,
  presetPreprocessing,
  type Sample,
} from '../../src/data/index.ts';
import { ImageSource } from '../../src/data/node/index.ts';
import { fromRgb, gradient, noisyJpeg, temporaryFolder, write } from './images.ts';

const pixelsOf = ({ inputs }: Batch) => inputs[0].data as Float32Array;

const preprocessing = presetPreprocessing('imagenet', { size: 24 });

async function samples(count: number): Promise<Sample[]> {
  const folder = temporaryFolder();
  const file = (i: number) =>
    fromRgb(gradient(40 + i, 30), 40 + i, 30)
      .jpeg()
      .toBuffer();
  return Promise.all(
    Array.from({ length: count }, async (_, i) => ({ file: write(folder, `${i}.jpg`, await file(i)), label: i % 3 })),
  );
}

const source = (list: readonly Sample[], options: Partial<ImageSourceOptions> = {}) =>
  new ImageSource({ samples: list, preprocessing, seed: 5, ...options });

async function epoch(
  from: ImageSource,
  options: Partial<Parameters<ImageSource['batches']>[0]> = {},
): Promise<Batch[]> {
  const batches: Batch[] = [];
  for await (const batch of from.batches({ epoch: 1, batchSize: 4, ...options })) batches.push(batch);
  return batches;
}

/** Records the decoded files. */
class CountingCache extends ImageCache {
  readonly decoded = new Set<string>();
  override get(...[file, conditions, decode]: Parameters<ImageCache['get']>) {
    this.decoded.add(file);
    return super.get(file, conditions, decode);
  }
}

describe('batches', () => {
  it('can be some of an epoch, or have chosen samples only', async () => {
    const list = await samples(10);
    const indicesOf = (batches: readonly Batch[]) => batches.map(({ indices }) => indices);
    const all = indicesOf(await epoch(source(list, { shuffle: true })));
    const decoded = new CountingCache();
    expect(indicesOf(await epoch(source(list, { shuffle: true, cache: decoded }), { until: 1 }))).toEqual([all[0]]);
    expect(decoded.decoded.size).toBe(4);
    expect(indicesOf(await epoch(source(list, { shuffle: true }), { from: 1, until: 2 }))).toEqual([all[1]]);
    expect(indicesOf(await epoch(source(list, { shuffle: true }), { only: [9, 2, 5, 0, 1] }))).toEqual([
      [9, 2, 5, 0],
      [1],
    ]);
  });

  it('have shapes, labels and indices; the last one is smaller', async () => {
    const list = await samples(10);
    const batches = await epoch(source(list));
    expect(batches.map(({ inputs }) => inputs[0].shape)).toEqual([
      [4, 3, 24, 24],
      [4, 3, 24, 24],
      [2, 3, 24, 24],
    ]);
    expect(batches.map((batch) => pixelsOf(batch).length)).toEqual([6912, 6912, 3456]);
    expect(batches.flatMap(({ indices }) => indices)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect(batches.flatMap(({ labels }) => [...labels])).toEqual([0n, 1n, 2n, 0n, 1n, 2n, 0n, 1n, 2n, 0n]);
  });

  it('have the requested layout', async () => {
    const [batch] = await epoch(source(await samples(2), { preprocessing: { ...preprocessing, layout: 'nhwc' } }));
    expect(batch.inputs[0].shape).toEqual([2, 24, 24, 3]);
  });

  it('are shuffled by seed and epoch, with each sample once', async () => {
    const list = await samples(10);
    const order = async (seed: number, number: number) =>
      (await epoch(source(list, { shuffle: true, seed }), { epoch: number })).flatMap(({ indices }) => indices);
    const first = await order(1, 1);
    expect([...first].sort((a, b) => a - b)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect(await order(1, 1)).toEqual(first);
    expect(await order(1, 2)).not.toEqual(first);
    expect(await order(2, 1)).not.toEqual(first);
  });

  it('can start in the middle', async () => {
    const options = { shuffle: true, augmentation: augmentationPolicies.light };
    const list = await samples(10);
    expect(await epoch(source(list, options), { from: 1 })).toEqual((await epoch(source(list, options))).slice(1));
    expect(await epoch(source(list, options), { from: 3 })).toEqual([]);
  });
});

describe('the same bytes', () => {
  it.each(['none', 'heavy'])('for any concurrency, prefetch and cache: %s', async (policy) => {
    const list = await samples(10);
    const options = { shuffle: true, augmentation: augmentationPolicies[policy] };
    const plain = await epoch(source(list, { ...options, cache: new ImageCache(0), concurrency: 1, prefetch: 1 }));
    const cached = source(list, { ...options, concurrency: 8 });
    expect(await epoch(cached)).toEqual(plain);
    // From the cache now: the files are gone.
    for (const { file } of list) writeFileSync(file, '');
    expect(await epoch(cached)).toEqual(plain);
    expect(cached.problems).toEqual([]);
  });

  it('augmentation differs from epoch to epoch, evaluation does not', async () => {
    const list = await samples(4);
    const trained = source(list, { augmentation: augmentationPolicies.light });
    expect((await epoch(trained, { epoch: 1 }))[0].inputs).not.toEqual((await epoch(trained, { epoch: 2 }))[0].inputs);
    const evaluated = source(list);
    expect((await epoch(evaluated, { epoch: 1 }))[0].inputs).toEqual((await epoch(evaluated, { epoch: 2 }))[0].inputs);
  });

  it('the cache respects its limit', async () => {
    const list = await samples(3);
    const cached = source(list, { cache: new ImageCache(40 * 27 * 3) });
    await epoch(cached);
    for (const { file } of list) writeFileSync(file, '');
    // One image fits; the others must be read again, and are gone.
    expect((await epoch(cached))[0].indices).toHaveLength(1);
    expect(cached.problems).toHaveLength(2);
  });
});

describe('recalled samples', () => {
  const light = { augmentation: augmentationPolicies.light, shuffle: true };
  const forgetful = async () => undefined;
  const keysOf = async (from: ImageSource, options: Partial<Parameters<ImageSource['batches']>[0]> = {}) =>
    (await epoch(from, { recall: forgetful, ...options }))
      .flatMap(({ keys, indices }) => keys!.map((key, i) => ({ key: key!, index: indices[i] })))
      .sort((a, b) => a.index - b.index)
      .map(({ key }) => key);

  it('have no rows in the batch', async () => {
    const list = await samples(10);
    const [whole] = await epoch(source(list, light));
    const keys = await keysOf(source(list, light));
    const known = [keys[whole.indices[0]], keys[whole.indices[2]]];
    const recalled = { form: 'f', bytes: Uint8Array.of(1, 2, 3) };
    const cache = new CountingCache();
    const [batch] = await epoch(source(list, { ...light, cache }), {
      recall: async (key) => (known.includes(key) ? recalled : undefined),
    });
    const row = (i: number) => pixelsOf(whole).subarray(i * 1728, (i + 1) * 1728);
    expect(batch.inputs[0].shape).toEqual([2, 3, 24, 24]);
    expect(pixelsOf(batch)).toEqual(Float32Array.from([...row(1), ...row(3)]));
    expect(batch.indices).toEqual(whole.indices);
    expect(batch.labels).toEqual(whole.labels);
    expect(batch.recalled).toEqual([recalled, undefined, recalled, undefined]);
    // Recalled samples are not decoded.
    expect(cache.decoded.size).toBe(8);
  });

  it('are identified by keys from content, preprocessing and augmentation', async () => {
    const list = await samples(6);
    const keys = await keysOf(source(list, light));
    expect(new Set(keys).size).toBe(6);
    // Epochs 1 and 3 can show the same view.
    expect(await keysOf(source(list, light), { epoch: 3, view: 1 })).toEqual(keys);
    for (const other of [
      await keysOf(source(list, light), { epoch: 2 }),
      await keysOf(source(list, { ...light, seed: 6 })),
      await keysOf(source(list, { ...light, augmentation: augmentationPolicies.heavy })),
      await keysOf(source(list)),
      await keysOf(source(list, { ...light, preprocessing: { ...preprocessing, mean: [0.5, 0.5, 0.4] } })),
    ])
      expect(keys.filter((key) => other.includes(key))).toEqual([]);
    const plain = await keysOf(source(list));
    expect(await keysOf(source(list, { seed: 9 }), { epoch: 7 })).toEqual(plain);
    writeFileSync(list[2].file, await noisyJpeg());
    const changed = await keysOf(source(list));
    expect(changed.map((key, i) => key === plain[i])).toEqual([true, true, false, true, true, true]);
  });
});

describe('broken files', () => {
  it('are skipped in every epoch and reported once; other images stay', async () => {
    const list = await samples(9);
    const jpeg = await noisyJpeg();
    for (const i of [1, 4, 5, 6, 7]) writeFileSync(list[i].file, jpeg.subarray(0, jpeg.length / 2));
    const told: string[] = [];
    const spoiled = source(list, { onProblem: ({ file }) => told.push(file) });
    const batches = await epoch(spoiled);
    expect(batches.map(({ indices }) => indices)).toEqual([[0, 2, 3], [8]]);
    expect(batches[0].inputs[0].shape).toEqual([3, 3, 24, 24]);
    expect([...batches[0].labels]).toEqual([0n, 2n, 0n]);
    const [third] = await epoch(source([list[3]]));
    expect(pixelsOf(batches[0]).slice(2 * 1728)).toEqual(pixelsOf(third));
    expect(await epoch(spoiled)).toEqual(batches);
    expect(told.sort()).toEqual([1, 4, 5, 6, 7].map((i) => list[i].file).sort());
    // libvips mixes the details of images that it reads at the same time.
    expect(spoiled.problems[0].reason).toMatch(/^broken image( \(|$)/);
  });
});

describe('prefetching', () => {
  it('starts the next batches early, but no more than allowed', async () => {
    const list = await samples(20);
    const cache = new CountingCache();
    const { decoded } = cache;
    const iterator = source(list, { cache, prefetch: 2 }).batches({ epoch: 0, batchSize: 4 })[Symbol.asyncIterator]();
    await iterator.next();
    expect(decoded.size).toBe(12);
    await iterator.return!(undefined);
    expect(decoded.size).toBe(12);
  });

  it('can be aborted, and the source can be read again', async () => {
    const list = await samples(12);
    const once = source(list, { augmentation: augmentationPolicies.light, concurrency: 2 });
    for await (const batch of once.batches({ epoch: 1, batchSize: 3 })) {
      expect(batch.indices).toHaveLength(3);
      break;
    }
    expect(await epoch(once)).toHaveLength(3);
  });
});
