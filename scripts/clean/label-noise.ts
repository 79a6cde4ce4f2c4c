/**
 * Swaps 5% of the labels of data sets, and measures the share of them that `outOfFoldProbabilities` and `findLabelIssues` rank in the first
 * 5%. Writes features, labels and probabilities, so that `label_noise.py` can compare cleanlab:
 *
 *     npx tsx scripts/clean/label-noise.ts FOLDER SEEDS MODEL DATA …
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { findLabelIssues, outOfFoldProbabilities } from '../../src/cleaning/index.ts';
import { openLabelled, plainSource } from '../../src/node/commands/inputs.ts';
import { openExtractor } from '../../src/node/commands/open-extractor.ts';
import { Random } from '../../src/random.ts';

const [folder, count, model, ...sets] = process.argv.slice(2);
if (!folder || !count || !model || sets.length === 0) {
  console.error('Usage: npx tsx scripts/clean/label-noise.ts FOLDER SEEDS MODEL DATA …');
  process.exit(2);
}

const SHARE = 0.05;
const { extractor } = await openExtractor({ model }, {});
const { size } = extractor;
for (const data of sets) {
  const { classes, train, val, test } = await openLabelled(data, extractor.parts.format, { valFraction: 0 });
  const samples = [...train, ...val, ...test];
  const features = new Float32Array(samples.length * size);
  for await (const batch of extractor.batches(plainSource(samples, extractor.parts.format)))
    for (const [i, at] of batch.indices.entries())
      features.set(batch.features.subarray(i * size, (i + 1) * size), at * size);
  const name = `${basename(model)}-${basename(data) === 'train' ? basename(join(data, '..')) : basename(data)}`;
  const out = join(folder, name);
  await mkdir(out, { recursive: true });
  await writeFile(join(out, 'features.bin'), features);
  const seeds = [];
  let seconds = 0;
  for (let seed = 0; seed < Number(count); seed++) {
    const random = new Random(seed, 'swap');
    const wrong = Math.max(1, Math.round(SHARE * samples.length));
    const swapped = random.shuffle([...samples.keys()]).slice(0, wrong);
    const labels = samples.map(({ label }) => label);
    for (const i of swapped) labels[i] = (labels[i] + 1 + random.below(classes.length - 1)) % classes.length;
    const start = performance.now();
    const probabilities = await outOfFoldProbabilities({ features, size, labels, classes: classes.length }, { seed });
    seconds += (performance.now() - start) / 1000;
    const { ranking, issues } = findLabelIssues({ probabilities, labels, classes: classes.length });
    await writeFile(join(out, `probabilities-${seed}.bin`), probabilities);
    const found = ranking.slice(0, wrong).filter((i) => swapped.includes(i)).length / wrong;
    seeds.push({ seed, swapped, labels, issues, ranking: ranking.slice(0, wrong), found });
  }
  const mean = seeds.reduce((all, { found }) => all + found, 0) / seeds.length;
  await writeFile(join(out, 'thaw.json'), JSON.stringify({ name, size, classes: classes.length, seeds }));
  console.log(`${name}: ${(100 * mean).toFixed(1)}% found, ${(seconds / seeds.length).toFixed(2)} s`);
}
await extractor.release();
