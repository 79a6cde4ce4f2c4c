import { told } from '../../report/format.ts';
import type { Exhibit, Figures, Table } from '../../tasks/index.ts';
import { tableLines } from './table.ts';

/** What a task has to show, as lines of text: single numbers on one, tables below. Pictures and charts are for reports. */
export const exhibitLines = (exhibits: readonly Exhibit[]): string[] =>
  exhibits.flatMap((exhibit) => {
    if (exhibit.kind === 'figures') return [figureLine(exhibit)];
    return exhibit.kind === 'table' ? ['', ...exhibitTable(exhibit)] : [];
  });

const figureLine = ({ items }: Figures): string =>
  items
    .map(({ title, value, form, interval }) => {
      const [low, high] = (interval ?? []).map((end) => told(end, form));
      return `${title} ${told(value, form)}${interval ? ` (95% interval ${low} to ${high})` : ''}`;
    })
    .join('   ');

const exhibitTable = ({ columns, rows }: Table): string[] =>
  tableLines([
    columns.map(({ title }) => title),
    ...rows.map((row) => row.map((cell, i) => told(cell, columns[i].form))),
  ]);
