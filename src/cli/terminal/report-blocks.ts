import { count, FORMATS, formatted, interval } from '../../report/format.ts';
import { type Figures, MOST_ROWS, type ReportBlock, type Table } from '../../tasks/index.ts';
import { tableLines } from './table.ts';

/**
 * The report blocks of a task as text: figures on one line, then tables. Images and charts appear only in the report.
 *
 * @param width columns of the terminal
 */
export const exhibitLines = (reportBlocks: readonly ReportBlock[], width: number): string[] =>
  reportBlocks.flatMap((block) => {
    if (block.kind === 'figures') return [figureLine(block)];
    return block.kind === 'table' ? ['', ...exhibitTable(block, width)] : [];
  });

const figureLine = ({ items }: Figures): string =>
  items
    .map(({ title, value, form, interval: ends }) => {
      const range = ends ? ` (95% interval ${interval(ends, FORMATS[form])})` : '';
      return `${title} ${formatted(value, form)}${range}`;
    })
    .join('   ');

function exhibitTable({ columns, rows }: Table, width: number): string[] {
  const shown = rows.slice(0, MOST_ROWS).map((row) => row.map((cell, i) => formatted(cell, columns[i].form)));
  const lines = tableLines([columns.map(({ title }) => title), ...shown], { width });
  const left = rows.length - MOST_ROWS;
  return left > 0 ? [...lines, `… and ${count(left)} more with better scores (--json prints all)`] : lines;
}
