/** Splits the held-out samples of a task into a validation half, which choices use, and a test half, which no choice of a run sees. */
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parse } from 'csv-parse/sync';
import { byCodeUnits } from '../../src/data/split.ts';
import { Random } from '../../src/random.ts';
import { csvOf } from '../../src/report/csv.ts';

/** Seeds that have a table of their own. */
export const SEEDS = 10;

/** A row of a table that Thaw reads: of a text, or of an image's file. */
type Row = { readonly label: string } & ({ readonly text: string } | { readonly file_name: string });

/** The table of a seed in a task's folder. */
export const tableOf = (folder: string, seed: number): string => join(folder, `seed-${seed}.csv`);

/** The halves of each class, at random. If the number of samples is odd, the halves of the classes take turns to be the larger one. */
export function halves<T extends { readonly label: string }>(
  samples: readonly T[],
  seed: number,
): { val: T[]; test: T[] } {
  const labels = [...new Set(samples.map(({ label }) => label))].sort(byCodeUnits);
  const val: T[] = [];
  const test: T[] = [];
  for (const label of labels) {
    const own = new Random(seed, 'held-out', label).shuffle(samples.filter((sample) => sample.label === label));
    const half = val.length > test.length ? Math.floor(own.length / 2) : Math.ceil(own.length / 2);
    val.push(...own.slice(0, half));
    test.push(...own.slice(half));
  }
  return { val, test };
}

/** Writes the table of every seed into the folder of a task: all its samples, with their split. */
export async function writeTables(folder: string): Promise<void> {
  const [train, heldOut] = [await samplesOf(folder, 'train'), await samplesOf(folder, 'held-out')];
  const columns = [...Object.keys(train[0]), 'split'];
  for (let seed = 0; seed < SEEDS; seed++) {
    const parts = Object.entries({ train, ...halves(heldOut, seed) });
    const rows = parts.flatMap(([split, samples]) => samples.map((sample) => [...Object.values(sample), split]));
    await writeFile(tableOf(folder, seed), csvOf([columns, ...rows]));
  }
}

export async function samplesOf(folder: string, part: string): Promise<Row[]> {
  const items = await readdir(folder);
  if (items.includes(`${part}.csv`)) return parse(await readFile(join(folder, `${part}.csv`)), { columns: true });
  const rows: Row[] = [];
  for (const label of (await readdir(join(folder, part))).sort(byCodeUnits)) {
    const files = (await readdir(join(folder, part, label))).sort(byCodeUnits);
    rows.push(...files.map((file) => ({ file_name: `${part}/${label}/${file}`, label })));
  }
  return rows;
}
