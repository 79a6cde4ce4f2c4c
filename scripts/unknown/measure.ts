// Measures what Thaw ships on the features that dump.ts wrote: a Markdown table with the mean over the seeds of each task, model and plan.
//   npx tsx scripts/unknown/measure.ts OUT
import { readdir, readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { answerOf, fitUnknown, type LabelledFeatures, measureUnknown, openUnknown } from '../../src/tasks/index.ts';
import type { DumpHeader } from './dump.ts';

/** The rate of false alarms that the threshold is set for. */
const RATE = 0.05;

const [folder] = process.argv.slice(2);
if (!folder) {
  console.error('Usage: npx tsx scripts/unknown/measure.ts OUT');
  process.exit(2);
}

/** Results of a training: shares and areas by the names of the columns. */
type Row = Readonly<Record<string, number>>;
const rows = new Map<string, Row[]>();
for (const file of (await readdir(folder)).filter((name) => name.endsWith('.json')).sort()) {
  const header: DumpHeader = JSON.parse(await readFile(join(folder, file), 'utf8'));
  const groups = await featuresOf(join(folder, file.replace(/json$/, 'f32')), header);
  const { task, model, plan, features: size, labels, seed } = header;
  const key = [task, basename(model), plan].join(' | ');
  rows.set(key, [...(rows.get(key) ?? []), measure(groups, { size, classes: labels.length, seed })]);
}

const columns = [...new Set([...rows.values()].flat().flatMap(Object.keys))];
console.log(`| task | model | plan | trainings | ${columns.join(' | ')} |`);
console.log(`| --- | --- | --- | ---: |${' ---: |'.repeat(columns.length)}`);
for (const [key, measured] of rows) {
  const cells = columns.map((column) => {
    const values = measured.map((row) => row[column]).filter((value) => value !== undefined);
    return values.length ? mean(values).toFixed(3) : '';
  });
  console.log(`| ${key} | ${measured.length} | ${cells.join(' | ')} |`);
}

function measure(
  groups: ReadonlyMap<string, LabelledFeatures>,
  { size, classes, seed }: { readonly size: number; readonly classes: number; readonly seed: number },
): Row {
  const features = { name: 'features', size, channelsFirst: false };
  const fit = fitUnknown(
    { train: groups.get('train')!, val: groups.get('val')! },
    { classes, seed, features, rate: RATE },
  );
  if (!fit) throw new Error('too few samples');
  const [distance, answer] = [openUnknown(fit.note), answerOf(fit.note)];
  const answersOf = ({ features: values, labels }: LabelledFeatures) =>
    labels.map((_, i) => answer(distance(values.subarray(i * size, (i + 1) * size))));
  const known = answersOf(groups.get('known')!);
  const row: Record<string, number> = { 'false alarms': known.filter(({ unknown }) => unknown).length / known.length };
  const far = [...groups].filter(([name]) => name.startsWith('far:')).flatMap(([, group]) => answersOf(group));
  for (const [name, others] of [
    ['near', answersOf(groups.get('near')!)],
    ['far', far],
  ] as const) {
    const { unknown } = measureUnknown(known, others, RATE);
    if (!unknown) continue;
    row[`${name} AUROC`] = unknown.auroc;
    row[`${name} FPR at 95%`] = unknown.fpr95;
    row[`${name} recognised`] = unknown.recognised;
  }
  row['estimated AUROC'] = fit.report.unknown!.auroc;
  return row;
}

async function featuresOf(file: string, header: DumpHeader): Promise<Map<string, LabelledFeatures>> {
  const { buffer } = new Uint8Array(await readFile(file));
  const groups = new Map<string, LabelledFeatures>();
  let at = 0;
  for (const { name, labels } of header.groups) {
    groups.set(name, { features: new Float32Array(buffer, at, labels.length * header.features), labels });
    at += 4 * labels.length * (header.features + header.labels.length);
  }
  return groups;
}

function mean(values: readonly number[]): number {
  return values.reduce((all, value) => all + value, 0) / values.length;
}
