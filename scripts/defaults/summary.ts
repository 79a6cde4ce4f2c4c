// Prints the results of FOLDER as Markdown tables.
//   npx tsx scripts/defaults/summary.ts FOLDER
import { mean } from '../bench/statistics.ts';
import { markdownTable } from '../bench/tables.ts';
import { type Comparison, compare, groupBy, type Measured } from './comparison.ts';
import { readResults } from './results.ts';
import { type Interval, pairedInterval, standardError } from './statistics.ts';
import { TASKS } from './tasks.ts';

const [folder] = process.argv.slice(2);
if (!folder) {
  console.error('Usage: npx tsx scripts/defaults/summary.ts FOLDER');
  process.exit(2);
}

const order = Object.keys(TASKS);
const comparisons = compare(readResults(folder)).sort((a, b) => order.indexOf(a.task) - order.indexOf(b.task));
for (const [model, own] of groupBy(comparisons, (one) => one.model)) {
  console.log(`### ${model}\n`);
  console.log(`${accuracyTable(own)}\n`);
  console.log(`${timeTable(own)}\n`);
  if (own.some(({ others }) => others.length)) console.log(`${othersTable(own)}\n`);
}

/** Test accuracies. The last rows are means over tasks, with an interval over tasks. */
function accuracyTable(all: readonly Comparison[]): string {
  const head = [
    'task',
    'default',
    'best by validation',
    'difference',
    'best of each seed',
    'best by test',
    'seeds',
    'plans',
  ];
  const rows = all.map((one) => [
    titleOf(one),
    accuracy(one.usual),
    accuracy(one.byValidation),
    difference(one.usual, one.byValidation),
    accuracy(one.bySeed),
    accuracy(one.byTest),
    String(one.seeds.length),
    String(one.plans),
  ]);
  return markdownTable(head, [...rows, ...meanRow('development', all), ...meanRow('judged', all)]);
}

function meanRow(kind: 'development' | 'judged', all: readonly Comparison[]): string[][] {
  const own = all.filter((one) => one.byValidation && TASKS[one.task].development === (kind === 'development'));
  if (!own.length) return [];
  const means = (of: (one: Comparison) => Measured) => own.map((one) => mean(of(one).test));
  const [usual, chosen] = [means(({ usual }) => usual), means(({ byValidation }) => byValidation!)];
  const others = [means(({ bySeed }) => bySeed!), means(({ byTest }) => byTest!)];
  const cells = [usual, chosen].map((values) => mean(values).toFixed(3));
  const last = others.map((values) => mean(values).toFixed(3));
  return [[`mean, ${own.length} ${kind}`, ...cells, interval(pairedInterval(usual, chosen)), ...last, '', '']];
}

/** Which plans are the best, and their processor seconds. */
function timeTable(all: readonly Comparison[]): string {
  const head = ['task', 'default', 'best by validation', 'its plan', 'best by test', 'its plan'];
  const rows = all.map((one) => [
    titleOf(one),
    seconds(one.usual),
    seconds(one.byValidation),
    one.byValidation?.plan ?? '',
    seconds(one.byTest),
    one.byTest?.plan ?? '',
  ]);
  return `Processor seconds:\n\n${markdownTable(head, rows)}`;
}

/** Plans of other libraries. */
function othersTable(all: readonly Comparison[]): string {
  const head = ['task', 'plan', 'test accuracy', 'default − plan', 'processor seconds'];
  const rows = all.flatMap((one) =>
    one.others.map((other) => [
      titleOf(one),
      other.plan,
      accuracy(other),
      difference(one.usual, other),
      seconds(other),
    ]),
  );
  return markdownTable(head, rows);
}

function titleOf({ task }: Comparison): string {
  return TASKS[task].development ? `${task} (development)` : task;
}

/** Mean ± standard error over the seeds. */
function accuracy(measured: Measured | undefined): string {
  if (!measured) return '';
  const [center, error] = [mean(measured.test).toFixed(3), standardError(measured.test)];
  return Number.isNaN(error) ? center : `${center} ± ${error.toFixed(3)}`;
}

function difference(a: Measured, b: Measured | undefined): string {
  return b ? interval(pairedInterval(a.test, b.test)) : '';
}

function interval({ mean, half }: Interval): string {
  const range = Number.isNaN(half) ? '' : ` [${signed(mean - half)}, ${signed(mean + half)}]`;
  return `${signed(mean)}${range}`;
}

function signed(value: number): string {
  return `${value < 0 ? '−' : '+'}${Math.abs(value).toFixed(3)}`;
}

function seconds(measured: Measured | undefined): string {
  return measured ? mean(measured.processorSeconds).toFixed(0) : '';
}
