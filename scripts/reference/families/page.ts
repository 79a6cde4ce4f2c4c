/** The table of the families in docs/networks.md. */
import { stripVTControlCharacters } from 'node:util';
import { markdownTable, writePart } from '../page.ts';
import type { ExportResult } from './compare.ts';

/** The exports by their column. */
const EXPORTS = ['folded', 'raw', 'dynamo'] as const;

const byName = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

export function writeFamilies(results: Readonly<Record<string, ExportResult>>, date: string): void {
  const families = [...new Set(Object.keys(results).map((name) => name.split('-')[0]))].sort(byName);
  const rows = families.map((family) => {
    const exports = EXPORTS.map((name) => results[`${family}-${name}`]);
    const known = exports.find((result) => result !== undefined)!;
    const parameters = exports.find((result) => result?.parameters)?.parameters?.trained ?? '';
    return [family, known.source, parameters, ...exports.map(cell)];
  });
  const differences = families.flatMap((family) => EXPORTS.flatMap((name) => lines(`${family}-${name}`, results)));
  const text = [
    `${count(results, date)}`,
    markdownTable(['family', 'from', 'parameters', ...EXPORTS], rows),
    ...(differences.length ? ['Differences and refusals:', differences.join('\n')] : []),
  ];
  writePart('families', text.join('\n\n'));
}

function count(results: Readonly<Record<string, ExportResult>>, date: string): string {
  const all = Object.values(results);
  const of = (outcome: ExportResult['outcome']) => all.filter((result) => result.outcome === outcome).length;
  const gradients = all.reduce((sum, { gradients }) => sum + (gradients?.compared ?? 0), 0);
  const wrong = all.reduce((sum, { gradients }) => sum + (gradients?.wrong.length ?? 0), 0);
  const versions = Object.entries(Object.assign({}, ...all.map((result) => result.versions)) as Record<string, string>);
  return (
    `${date}, ${versions.map(([name, version]) => `${name} ${version}`).join(', ')}: ${all.length - of('no export')} exports, of which ` +
    `${of('equal')} are equal, ${of('different')} differ, and Thaw refuses ${of('refused')}${of('bug') ? ` and fails on ${of('bug')}` : ''}. ` +
    `Of ${gradients.toLocaleString('en')} gradients, ${wrong} are outside the tolerance.`
  );
}

function cell(result: ExportResult | undefined): string {
  if (!result) return '';
  const { outcome, parameters, gradients } = result;
  if (outcome === 'equal') return gradients!.worst.toExponential(1);
  if (outcome !== 'different') return outcome;
  const parts = [
    [parameters!.missing.length, 'missing'],
    [parameters!.extra.length, 'extra'],
    [gradients!.wrong.length, 'wrong'],
  ].flatMap(([number, what]) => (number ? [`${number} ${what}`] : []));
  return `${parts.join(', ') || `loss off by ${result.lossOff!.toExponential(1)}`}`;
}

/** Notes on an export that do not fit into its cell. */
function lines(name: string, results: Readonly<Record<string, ExportResult>>): string[] {
  const result = results[name];
  if (!result || result.outcome === 'equal') return [];
  const { outcome, message, parameters, gradients } = result;
  if (message !== undefined) return [`- \`${name}\`, ${outcome}: ${plain(message)}`];
  const listed = (what: string, names: readonly string[]) => {
    if (!names.length) return [];
    const more = names.length > 2 ? ` and ${names.length - 2} more` : '';
    return [
      `${what} ${names
        .slice(0, 2)
        .map((item) => `\`${item}\``)
        .join(', ')}${more}`,
    ];
  };
  const parts = [
    ...listed('missing:', parameters!.missing),
    ...listed('trained, but not a parameter:', parameters!.extra),
    ...listed(
      'wrong gradient:',
      gradients!.wrong.map((gradient) => gradient.name),
    ),
  ];
  return parts.length ? [`- \`${name}\`: ${parts.join('; ')}`] : [];
}

/** Short, without colour codes, and with `|` escaped, which would end a table's cell. */
const plain = (message: string): string => stripVTControlCharacters(message).replaceAll('|', '\\|').slice(0, 200);
