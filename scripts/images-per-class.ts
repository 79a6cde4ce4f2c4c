/**
 * Measures how many images a classifier needs: trains on n images of each class, and validates on the same images always.
 *
 *     npx tsx scripts/images-per-class.ts MODEL DATA --counts 5,10,20 --draws 5 --preset head-only
 *
 * DATA has the folders train/CLASS and val/CLASS. Each draw takes other images, and is the seed of the training. Prints a line for each
 * training, and a table with the mean and the standard deviation over the draws.
 */
import { mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { byCodeUnits } from '../src/data/split.ts';
import { train } from '../src/node/commands/index.ts';
import { Random } from '../src/random.ts';
import { csvOf } from '../src/report/csv.ts';
import { mean, standardDeviation } from './bench/statistics.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    counts: { type: 'string', default: '2,5,10,20,40,80' },
    draws: { type: 'string', default: '5' },
    preset: { type: 'string', default: 'head-only' },
  },
});
const [model, data] = positionals;
if (!model || !data) {
  console.error('Usage: npx tsx scripts/images-per-class.ts MODEL DATA [--counts N,N] [--draws N] [--preset NAME]');
  process.exit(2);
}
const preset = values.preset as 'adaptive' | 'head-only';
const out = 'runs/images-per-class';
await mkdir(out, { recursive: true });

const rows: string[] = [];
for (const count of values.counts.split(',').map(Number)) {
  const accuracies: number[] = [];
  for (let draw = 0; draw < Number(values.draws); draw++) {
    const name = `${preset}-${count}-${draw}`;
    const table = join(out, `${name}.csv`);
    await writeFile(table, csvOf([['file_name', 'label', 'split'], ...(await sampleRows(data, count, draw))]));
    await rm(join(out, name), { recursive: true, force: true });
    const settings = { preset, seed: draw, cache: 'disk', artifacts: false } as const;
    const { after, seconds } = await train({ model, data: table, out: join(out, name), settings });
    accuracies.push(after!.accuracy);
    console.log(`${count} images of each class, draw ${draw}: ${after!.accuracy.toFixed(4)} (${seconds.toFixed(0)} s)`);
  }
  rows.push(`| ${count} | ${mean(accuracies).toFixed(3)} ± ${standardDeviation(accuracies).toFixed(3)} |`);
}
console.log(['', `| images of each class | accuracy with ${preset} |`, '| ---: | --- |', ...rows].join('\n'));

/** All validation images, and `count` training images of each class, as rows of a table that Thaw reads. */
async function sampleRows(folder: string, count: number, draw: number): Promise<string[][]> {
  const rows: string[][] = [];
  for (const split of ['train', 'val'])
    for (const label of (await readdir(join(folder, split))).sort(byCodeUnits)) {
      const files = (await readdir(join(folder, split, label))).filter((file) => /\.(jpe?g|png)$/i.test(file));
      const drawn = new Random(draw, 'images', label).shuffle(files.sort(byCodeUnits));
      const used = split === 'train' ? drawn.slice(0, count) : files;
      rows.push(...used.map((file) => [resolve(folder, split, label, file), label, split]));
    }
  return rows;
}
