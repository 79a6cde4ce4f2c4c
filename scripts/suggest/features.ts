/** The features of a task's images, computed once. */
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { byCodeUnits } from '../../src/data/split.ts';
import { plainSource } from '../../src/node/commands/inputs.ts';
import { openExtractor } from '../../src/node/commands/open-extractor.ts';
import { openUnlabelled } from '../../src/node/commands/unlabelled.ts';

export interface TaskFeatures {
  readonly classes: readonly string[];
  /** Class of each image: first those of `train`, then those of `held-out`. */
  readonly labels: readonly number[];
  /** Number of images in `train`. */
  readonly pool: number;
  readonly size: number;
  /** `[images, size]` */
  readonly values: Float32Array;
}

/** Reads a folder with train/CLASS and held-out/CLASS. */
export async function taskFeatures(folder: string, model: string, cache: string): Promise<TaskFeatures> {
  const file = join(cache, `${folder.split('/').at(-1)}-${model.split('/').at(-1)}.json`);
  if (!existsSync(file)) {
    await mkdir(cache, { recursive: true });
    const computed = await compute(folder, model);
    await writeFile(file, JSON.stringify({ ...computed, values: [...computed.values] }));
  }
  const kept = JSON.parse(await readFile(file, 'utf8')) as Omit<TaskFeatures, 'values'> & { values: number[] };
  return { ...kept, values: Float32Array.from(kept.values) };
}

async function compute(folder: string, model: string): Promise<TaskFeatures> {
  const classes = (await readdir(join(folder, 'train'))).sort(byCodeUnits);
  const files: string[] = [];
  const labels: number[] = [];
  let pool = 0;
  const { extractor } = await openExtractor({ model }, {});
  const { format } = extractor.parts;
  for (const split of ['train', 'held-out']) {
    for (const [label, name] of classes.entries()) {
      const { samples } = await openUnlabelled([join(folder, split, name)], format, {});
      files.push(...samples.map(({ file }) => file));
      labels.push(...samples.map(() => label));
    }
    if (split === 'train') pool = files.length;
  }
  const values = new Float32Array(files.length * extractor.size);
  const samples = files.map((file) => ({ file, label: -1 }));
  for await (const { indices, features } of extractor.batches(plainSource(samples, format)))
    for (const [row, index] of indices.entries())
      values.set(features.subarray(row * extractor.size, (row + 1) * extractor.size), index * extractor.size);
  await extractor.release();
  return { classes, labels, pool, size: extractor.size, values };
}
