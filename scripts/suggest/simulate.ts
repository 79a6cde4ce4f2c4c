/**
 * Simulates labelling: starts with few labelled images, and adds batches that a strategy chooses from the rest. Compares with random choice.
 *
 *     npx tsx scripts/suggest/simulate.ts FOLDER MODEL --start 1 --batch 10 --rounds 10 --seeds 10 --out curves.jsonl
 *
 * FOLDER has train/CLASS (the images to label) and held-out/CLASS (they measure). Every strategy starts with the same images of a seed. The
 * head is a logistic regression on the features of MODEL. Appends a line for each strategy and seed.
 */
import { appendFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { parseArgs } from 'node:util';
import { Random } from '../../src/random.ts';
import { normalize, rowOf, rowsOf } from '../../src/suggest/index.ts';
import { type TaskFeatures, taskFeatures } from './features.ts';
import { headProbabilities } from './head.ts';
import { STRATEGIES } from './strategies.ts';

const { values: flags, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    start: { type: 'string', default: '1' },
    batch: { type: 'string', default: '10' },
    rounds: { type: 'string', default: '10' },
    seeds: { type: 'string', default: '10' },
    strategies: { type: 'string', default: Object.keys(STRATEGIES).join(',') },
    cache: { type: 'string', default: '.cache/suggest' },
    out: { type: 'string', default: 'curves.jsonl' },
  },
});
const [folder, model] = positionals;
if (!model) {
  console.error(
    'Usage: npx tsx scripts/suggest/simulate.ts FOLDER MODEL [--start N] [--batch N] [--rounds N] [--seeds N]',
  );
  process.exit(2);
}
const [start, batch, rounds, seeds] = [flags.start, flags.batch, flags.rounds, flags.seeds].map(Number);
const task = await taskFeatures(folder, model, flags.cache);
const gram = gramOf(task);
const directions = { values: task.values.slice(), size: task.size };
for (let i = 0; i < task.labels.length; i++) normalize(rowOf(directions, i));
const numbersTo = (count: number) => Array.from({ length: count }, (_, i) => i);

for (let seed = 0; seed < seeds; seed++)
  for (const strategy of flags.strategies.split(',')) {
    const labelled = firstImages(seed);
    const curve: [labels: number, accuracy: number][] = [];
    for (let round = 0; ; round++) {
      const probabilities = headProbabilities(gram, task.labels, task.classes.length, labelled);
      curve.push([labelled.length, accuracyOf(probabilities)]);
      const open = numbersTo(task.pool).filter((i) => !labelled.includes(i));
      if (round === rounds || open.length < batch) break;
      const classes = task.classes.length;
      const chosen = STRATEGIES[strategy]({
        features: rowsOf(directions, open),
        probabilities: open.map((i) => probabilities.slice(i * classes, (i + 1) * classes)),
        labelled: rowsOf(directions, labelled),
        count: batch,
        seed: seed * 1000 + round,
      });
      labelled.push(...chosen.map((i) => open[i]));
    }
    const line = { task: basename(folder), model: basename(model), strategy, seed, curve };
    await appendFile(flags.out, `${JSON.stringify(line)}\n`);
  }

/** `start` images of each class. */
function firstImages(seed: number): number[] {
  return task.classes.flatMap((_, label) => {
    const own = numbersTo(task.pool).filter((i) => task.labels[i] === label);
    return new Random(seed, 'start', label).shuffle(own).slice(0, start);
  });
}

function accuracyOf(probabilities: Float32Array): number {
  const classes = task.classes.length;
  const held = numbersTo(task.labels.length).slice(task.pool);
  const right = held.filter((i) => {
    const row = probabilities.subarray(i * classes, (i + 1) * classes);
    return row.indexOf(row.reduce((a, b) => Math.max(a, b))) === task.labels[i];
  });
  return right.length / held.length;
}

/** Inner products of the centred features, scaled to the mean square length 1, and 1 for the bias. */
function gramOf({ values, size, labels, pool }: TaskFeatures): Float32Array {
  const n = labels.length;
  const mean = new Float64Array(size);
  for (let i = 0; i < pool; i++) for (let f = 0; f < size; f++) mean[f] += values[i * size + f] / pool;
  const centred = values.map((value, i) => value - mean[i % size]);
  let square = 0;
  for (let i = 0; i < pool * size; i++) square += centred[i] ** 2 / pool;
  const result = new Float32Array(n * n);
  for (let i = 0; i < n; i++)
    for (let j = 0; j <= i; j++) {
      let sum = 0;
      for (let f = 0; f < size; f++) sum += centred[i * size + f] * centred[j * size + f];
      result[i * n + j] = result[j * n + i] = sum / square + 1;
    }
  return result;
}
