import { printableLine } from './printable.ts';
import { columnsOf, padded } from './styled.ts';

interface TableOptions {
  /** Whether a column is aligned to the right. Default: all but the first. */
  readonly right?: (column: number) => boolean;
  /** Whether a line of dashes follows the first row. */
  readonly rule?: boolean;
}

/** Rows in columns. */
export function tableLines(
  rows: readonly (readonly string[])[],
  { right = (column) => column > 0, rule = false }: TableOptions = {},
): string[] {
  const cells = rows.map((row) => row.map(printableLine));
  const widths = (cells[0] ?? []).map((_, i) => Math.max(...cells.map((row) => columnsOf(row[i]))));
  const lines = cells.map((row) =>
    row.map((cell, i) => String(padded(cell, widths[i], right(i) ? 'start' : 'end'))).join('  '),
  );
  if (rule) lines.splice(1, 0, widths.map((width) => '-'.repeat(width)).join('  '));
  return lines.map((line) => line.trimEnd());
}
