/**
 * Writes the features of a task's images: of each training image in many augmented views, as the first stage of a training sees them, and
 * of all images unchanged.
 *
 *     npx tsx scripts/views/features.ts TASK MODEL OUT --views 48
 *
 * TASK has train/CLASS and held-out/CLASS (see scripts/defaults). Writes OUT.json and OUT.f32, with rows of the training images (first
 * unchanged, then view by view), then of the held-out images.
 */
import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { type BatchSource, readAugmentation, type Sample } from '../../src/data/index.ts';
import { ImageSource } from '../../src/data/node/index.ts';
import { byCodeUnits } from '../../src/data/split.ts';
import { isText } from '../../src/data/text/index.ts';
import { openExtractor } from '../../src/node/commands/open-extractor.ts';
import { openUnlabelled } from '../../src/node/commands/unlabelled.ts';
import { withRecommended } from '../../src/session/index.ts';

const { values: flags, positionals } = parseArgs({
  allowPositionals: true,
  options: { views: { type: 'string', default: '48' } },
});
const [task, model, out] = positionals;
if (!out) {
  console.error('Usage: npx tsx scripts/views/features.ts TASK MODEL OUT [--views N]');
  process.exit(2);
}
const views = Number(flags.views);
const { extractor, files } = await openExtractor({ model }, {});
const { size, parts } = extractor;
const { format } = parts;
if (isText(format)) throw new Error(`${model} reads texts, which have no views`);
const { augment, lr } = withRecommended({}, files.config).settings;

const classes = (await readdir(join(task, 'train'))).sort(byCodeUnits);
const samplesOf = async (split: string): Promise<Sample[]> => {
  const samples: Sample[] = [];
  for (const [label, name] of classes.entries())
    for (const { file } of (await openUnlabelled([join(task, split, name)], format, {})).samples)
      samples.push({ file, label });
  return samples;
};

/** The features of a view of all samples, in their order. */
async function featuresOf(source: BatchSource, view: number): Promise<Float32Array> {
  const values = new Float32Array(source.length * size);
  const { length, labels } = source;
  const shown: BatchSource = { length, labels, batches: (options) => source.batches({ ...options, view }) };
  for await (const { indices, features } of extractor.batches(shown))
    for (const [row, index] of indices.entries())
      values.set(features.subarray(row * size, (row + 1) * size), index * size);
  return values;
}

const [train, heldOut] = [await samplesOf('train'), await samplesOf('held-out')];
const plain = (samples: readonly Sample[]) => new ImageSource({ samples, preprocessing: format });
const augmented = new ImageSource({ samples: train, preprocessing: format, augmentation: readAugmentation(augment) });
const rows = [await featuresOf(plain(train), 0)];
for (let view = 0; view < views; view++) rows.push(await featuresOf(augmented, view));
rows.push(await featuresOf(plain(heldOut), 0));
await extractor.release();
const labels = (samples: readonly Sample[]) => samples.map(({ label }) => label);
await writeFile(`${out}.f32`, Buffer.concat(rows.map((part) => new Uint8Array(part.buffer))));
await writeFile(
  `${out}.json`,
  JSON.stringify({ classes: classes.length, size, views, lr, train: labels(train), heldOut: labels(heldOut) }),
);
