/** Formats results as Markdown, and writes them into a document. */
import { readFile, writeFile } from 'node:fs/promises';
import { CONTENDERS, referenceOf } from './contenders.ts';
import { type CaseResult, DISTURBED, type Measured, milliseconds } from './measure.ts';
import { median } from './statistics.ts';

export interface ModelResult {
  readonly model: string;
  readonly machine: string;
  readonly command: string;
  /** By selection. */
  readonly cases: Record<string, CaseResult>;
}

/**
 * One row per contender, one column per case: milliseconds, the ratio to the reference, peak memory, and a mark for disturbed results. A
 * second table has the CPU time, which is more reliable if the machine was busy.
 */
export function modelTable({ machine, command, cases }: ModelResult, contenders: readonly string[]): string {
  const selections = Object.keys(cases);
  const table = (head: string, cell: (result: CaseResult, contender: string) => string) =>
    markdownTable(
      [head, ...selections.map((selection) => `\`${selection}\``)],
      contenders.map((name) => [titleOf(name), ...selections.map((selection) => cell(cases[selection], name))]),
    );
  const failures = selections.flatMap((selection) =>
    cases[selection].failed.map(({ contender, reason }) => `- \`${contender}\` at \`${selection}\`: ${reason}`),
  );
  const versions = new Map(
    Object.values(cases).flatMap(({ measured }) => measured.map(({ contender, version }) => [contender, version])),
  );
  return [
    table('a step', timeCell),
    table('CPU time of a step', cpuCell),
    ...(failures.length ? [failures.join('\n')] : []),
    `${machine}. ${versionsOf(versions)}. ${disturbanceOf(cases)} \`${command}\``,
  ].join('\n\n');
}

/** `Thaw 0.1.0 …, PyTorch 2.15.0`: once for all variants of a contender. */
function versionsOf(versions: ReadonlyMap<string, string>): string {
  const named = [...versions].map(([name, version]) => `${CONTENDERS[name].title.split(',')[0]} ${version}`);
  return [...new Set(named)].join(', ');
}

/** Reports how busy the machine was with other work. */
function disturbanceOf(cases: ModelResult['cases']): string {
  const all = Object.values(cases).flatMap(({ measured }) => measured.map(({ disturbance }) => disturbance));
  const percent = (part: number) => `${(100 * part).toFixed(0)} %`;
  const taken = `Other processes took ${percent(median(all))} of the processors (at most ${percent(Math.max(...all))})`;
  return Math.max(...all) < DISTURBED ? `${taken}.` : `${taken}: results with † are unreliable, measure them again.`;
}

function titleOf(contender: string): string {
  const { title, note } = CONTENDERS[contender];
  return note ? `${title} (${note})` : title;
}

function timeCell(result: CaseResult, contender: string): string {
  const own = find(result, contender);
  if (!own) return '–';
  const mark = [own, referenceIn(result)].some((m) => m && m.disturbance >= DISTURBED) ? ' †' : '';
  return `${time(own)}${compared(result, own, ({ median }) => median)}${mark} · ${(own.memory / 2 ** 20).toFixed(0)} MB`;
}

function cpuCell(result: CaseResult, contender: string): string {
  const own = find(result, contender);
  return own ? `${milliseconds(own.cpu)}${compared(result, own, ({ cpu }) => cpu)}` : '–';
}

const referenceIn = (result: CaseResult) =>
  find(result, referenceOf(result.measured.map(({ contender }) => contender)));

const find = ({ measured }: CaseResult, contender: string) => measured.find((m) => m.contender === contender);

function compared(result: CaseResult, own: Measured, of: (measured: Measured) => number): string {
  const reference = referenceIn(result);
  return reference ? ` · ${ratio(of(own), of(reference))}` : '';
}

export function ratio(own: number, reference: number): string {
  const value = own / reference;
  return `**${value.toFixed(value < 0.1 ? 3 : 2)}**`;
}

const time = ({ median, quartiles: [low, high] }: Measured): string =>
  `${milliseconds(median)} (${(low * 1000).toFixed(0)} to ${(high * 1000).toFixed(0)})`;

export function markdownTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}

/**
 * Writes a table between `<!-- bench NAME -->` and `<!-- /bench -->` in a document.
 *
 * @throws Error if the document lacks these marks
 */
export async function replaceSection(file: string, name: string, table: string): Promise<void> {
  const text = await readFile(file, 'utf8');
  const begin = `<!-- bench ${name} -->`;
  const end = '<!-- /bench -->';
  const from = text.indexOf(begin);
  const to = text.indexOf(end, from);
  if (from < 0 || to < 0) throw new Error(`${file} has no place for ${name}: add "${begin}" and "${end}" to it`);
  await writeFile(file, `${text.slice(0, from + begin.length)}\n${table}\n${text.slice(to)}`);
}
