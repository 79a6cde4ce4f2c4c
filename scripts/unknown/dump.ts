// Trains a model on a part of a task's classes, and writes the features and logits of known and of unknown samples.
//   npx tsx scripts/unknown/dump.ts TASKS OUT TASK --model default --plan head --seed 0 --far emoji-food,photos
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { parse } from 'csv-parse/sync';
import { inSinglePrecision } from '../../src/compiler/import/index.ts';
import type { Sample } from '../../src/data/index.ts';
import { byCodeUnits } from '../../src/data/split.ts';
import { feedsOf } from '../../src/export/index.ts';
import { openRuntime } from '../../src/node/commands/environment.ts';
import { fetchModel } from '../../src/node/commands/fetch-model.ts';
import { train } from '../../src/node/commands/index.ts';
import { plainSource } from '../../src/node/commands/inputs.ts';
import { readModelFile } from '../../src/node/models/files.ts';
import { dataInputsOf } from '../../src/onnx/index.ts';
import { Random } from '../../src/random.ts';
import { csvOf } from '../../src/report/csv.ts';
import { loadable, loadSession, runUserModel } from '../../src/runtime/index.ts';
import { featureRows, withFeatures } from '../../src/session/features.ts';
import { inputFormatOf } from '../../src/session/input-format.ts';

/** A row of a table of `scripts/defaults`. */
interface Row {
  readonly file_name?: string;
  readonly text?: string;
  readonly label: string;
  readonly split: 'train' | 'val' | 'test';
}

/** What OUT/NAME.json says about OUT/NAME.f32: of each group, the features of all samples, then their logits. */
export interface DumpHeader {
  readonly task: string;
  readonly model: string;
  readonly plan: string;
  readonly seed: number;
  /** Of the training. */
  readonly seconds: number;
  /** Features of a sample. */
  readonly features: number;
  readonly labels: readonly string[];
  /** The classes that the training did not have. */
  readonly unknown: readonly string[];
  readonly groups: readonly { readonly name: string; readonly labels: readonly number[] }[];
}

/** Settings of a plan by name. */
const PLANS: Readonly<Record<string, object>> = { head: { trainable: 'head' }, default: {} };

/** Samples of another task. */
const MOST_FAR = 150;

const text = { type: 'string' } as const;
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { model: text, plan: text, seed: text, far: text },
});
const [tasks, out, task] = positionals;
const { model = 'default', plan = 'head', far = '' } = values;
const seed = Number(values.seed ?? 0);

const folder = join(tasks, task);
const rows: Row[] = parse(await readFile(join(folder, `seed-${seed}.csv`)), { columns: true });
const classes = [...new Set(rows.map(({ label }) => label))].sort(byCodeUnits);
/** A third of the classes, or one of four. Of two classes, none. */
const count = classes.length < 3 ? 0 : Math.floor(classes.length / 3);
const unknown =
  classes.length <= 4 && count
    ? [classes[seed % classes.length]]
    : new Random(seed, 'unknown').shuffle([...classes]).slice(0, count);
const known = rows.filter(({ label }) => !unknown.includes(label));
const name = [task, model.split('/').at(-1), plan, seed].join('.');
const run = join(out, 'runs', name);
const table = join(out, `${name}.csv`);
await mkdir(out, { recursive: true });
await rm(run, { recursive: true, force: true });
const sampleColumn = rows[0].text === undefined ? 'file_name' : 'text';
const resolved = (row: Row) => row.text ?? join(folder, row.file_name!);
const used = known.filter(({ split }) => split !== 'test');
await writeFile(
  table,
  csvOf([[sampleColumn, 'label', 'split'], ...used.map((row) => [resolved(row), row.label, row.split])]),
);

const settings = { ...PLANS[plan], seed, artifacts: false } as object;
const began = performance.now();
await train({ model, data: table, out: run, settings });
const seconds = (performance.now() - began) / 1000;

const files = await fetchModel(run, {});
const finished = inSinglePrecision(await readModelFile(files.path));
const format = inputFormatOf(finished, files, {}, {});
const { model: both, layout } = withFeatures(finished);
const runtime = await openRuntime('cpu', {});
const session = await loadSession(runtime, loadable(both));
const [{ name: input }] = dataInputsOf(both.graph);
const [{ name: output }] = both.graph.outputs;
const labels: string[] = Object.values((files.config as { id2label: Record<string, string> }).id2label);

const groups: Record<string, readonly Row[]> = {
  train: known.filter(({ split }) => split === 'train'),
  val: known.filter(({ split }) => split === 'val'),
  known: known.filter(({ split }) => split === 'test'),
  near: rows.filter(({ label, split }) => unknown.includes(label) && split !== 'train'),
};
for (const other of far.split(',').filter(Boolean)) groups[`far:${other}`] = await othersOf(other);

const buffers: Uint8Array[] = [];
const header: { name: string; labels: number[] }[] = [];
for (const [group, members] of Object.entries(groups)) {
  const samples: Sample[] = members.map((row) => ({
    ...{ file: row.text === undefined ? resolvedPath(row) : '', label: 0 },
    ...(row.text !== undefined && { text: row.text }),
  }));
  const features = new Float32Array(samples.length * layout.size);
  const logits = new Float32Array(samples.length * labels.length);
  for await (const batch of plainSource(samples, format).batches({ epoch: 0, batchSize: 16 })) {
    const feeds = feedsOf(batch, { input, preprocessing: format });
    const values = await runUserModel(session, feeds, { outputs: [output, layout.name], hint: '' });
    const [f, z] = [featureRows(values[layout.name], layout), values[output].data as Float32Array];
    batch.indices.forEach((index, i) => {
      features.set(f.subarray(i * layout.size, (i + 1) * layout.size), index * layout.size);
      logits.set(z.subarray(i * labels.length, (i + 1) * labels.length), index * labels.length);
    });
  }
  header.push({ name: group, labels: members.map(({ label }) => labels.indexOf(label)) });
  buffers.push(new Uint8Array(features.buffer), new Uint8Array(logits.buffer));
}
await session.release();
const about: DumpHeader = {
  ...{ task, model, plan, seed, seconds, features: layout.size, labels, unknown },
  groups: header,
};
await writeFile(join(out, `${name}.json`), JSON.stringify(about));
await writeFile(join(out, `${name}.f32`), Buffer.concat(buffers));
await rm(run, { recursive: true });
console.log(name, seconds.toFixed(1), header.map(({ name, labels }) => `${name} ${labels.length}`).join(', '));

function resolvedPath(row: Row): string {
  return row.file_name!.startsWith('/') ? row.file_name! : join(folder, row.file_name!);
}

/** Held-out images of another task, or lines of a text file. */
async function othersOf(other: string): Promise<Row[]> {
  if (other.endsWith('.txt')) {
    const lines = (await readFile(other, 'utf8')).split('\n').filter(Boolean);
    return lines.map((line) => ({ text: line, label: '', split: 'test' as const }));
  }
  const root = other.startsWith('/') ? other : join(tasks, other, 'held-out');
  const found: Row[] = [];
  for (const label of (await readdir(root)).sort(byCodeUnits))
    for (const file of (await readdir(join(root, label))).sort(byCodeUnits))
      found.push({ file_name: join(root, label, file), label: '', split: 'test' });
  return new Random(0, 'far').shuffle(found).slice(0, MOST_FAR);
}
