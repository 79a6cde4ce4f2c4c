/**
 * Trains with another choice of views, and prints the scores of each epoch as a line of JSON.
 *
 *     npx tsx scripts/views/train.ts TASK MODEL POLICY SEED [SETTINGS]
 *
 * TASK has train/CLASS and held-out/CLASS (see scripts/defaults). All held-out images validate. SETTINGS are JSON. A policy is one of:
 *
 *     auto       the default
 *     stage N    the setting `views: N`
 *     run N      the stages together show N views of each image in turn
 *     plain      the image itself, in every epoch
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import sharp from 'sharp';
import { ImageSource } from '../../src/data/index.ts';
import { train } from '../../src/node/commands/index.ts';
import { csvOf } from '../../src/report/csv.ts';
import type { TrainingSettings } from '../../src/session/index.ts';
import { samplesOf } from '../defaults/split.ts';

const [task, model, policy, seed, given = '{}'] = process.argv.slice(2);
if (!seed) {
  console.error('Usage: npx tsx scripts/views/train.ts TASK MODEL POLICY SEED [SETTINGS]');
  process.exit(2);
}
const [kind, number] = policy.split(' ');
if (kind === 'run') {
  const { batches } = ImageSource.prototype;
  /** Views that a stage reuses have small numbers. If nothing is reused, a view has the number of its epoch. */
  ImageSource.prototype.batches = function (options) {
    const { epoch, view = epoch } = options;
    return batches.call(this, { ...options, view: view === epoch && epoch >= REUSED ? view : epoch % Number(number) });
  };
}
/** Numbers of the views that stages reuse by default: two sets of three. */
const REUSED = 6;

const folder = await mkdtemp(join(tmpdir(), 'thaw-views-'));
const rows = await Promise.all(
  Object.entries({ train: 'train', val: 'held-out' }).map(async ([split, part]) =>
    (await samplesOf(task, part)).map((row) => [
      'file_name' in row && join(resolve(task), row.file_name),
      row.label,
      split,
    ]),
  ),
);
const data = join(folder, 'samples.csv');
await writeFile(data, csvOf([['file_name', 'label', 'split'], ...rows.flat()]));
const settings: TrainingSettings = {
  ...(kind === 'stage' && { views: Number(number) }),
  ...(kind === 'plain' && { augment: 'none' }),
  ...{ seed: Number(seed), artifacts: false, stopWhenPerfect: false },
  // The machine may do other work, and results depend on the number of threads.
  threads: 1,
  ...JSON.parse(given),
};
sharp.concurrency(1);
const began = process.cpuUsage();
const epochs: object[] = [];
await train(
  { model, data, out: join(folder, 'run'), settings },
  {
    onEvent: (event) =>
      event.type === 'epoch' && epochs.push({ stage: event.stage, train: event.train, val: event.val }),
  },
);
const { user, system } = process.cpuUsage(began);
await rm(folder, { recursive: true });
console.log(
  JSON.stringify({
    task,
    model,
    policy,
    seed: Number(seed),
    settings: given,
    processorSeconds: (user + system) / 1e6,
    epochs,
  }),
);
