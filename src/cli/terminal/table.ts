import { printableLine } from './printable.ts';
import { columnsOf, joined, padded, type Styled, styled, type Text, wrapped } from './styled.ts';

interface TableOptions {
  /** Whether a column is aligned to the right. Default: all but the first. */
  readonly right?: (column: number) => boolean;
  /** Whether a line of dashes follows the first row. */
  readonly rule?: boolean;
  /** Columns of the terminal. A wider table continues below, again with its first column. */
  readonly width?: number;
}

const GAP = '  ';

/** Rows in columns. */
export function tableLines(
  rows: readonly (readonly string[])[],
  { right = (column) => column > 0, rule = false, width = Number.POSITIVE_INFINITY }: TableOptions = {},
): string[] {
  const cells = rows.map((row) => row.map(printableLine));
  const widths = (cells[0] ?? []).map((_, i) => Math.max(...cells.map((row) => columnsOf(row[i]))));
  const blocks = blocksOf(widths, width).map((columns) => {
    const lines = cells.map((row) =>
      columns.map((i) => String(padded(row[i], widths[i], right(i) ? 'start' : 'end'))).join(GAP),
    );
    if (rule) lines.splice(1, 0, columns.map((i) => '-'.repeat(widths[i])).join(GAP));
    return lines.map((line) => line.trimEnd());
  });
  return blocks.flatMap((lines, i) => (i ? ['', ...lines] : lines));
}

/** The columns of each part of a table that fits the terminal. Every part begins with the first column. */
function blocksOf(widths: readonly number[], width: number): number[][] {
  const blocks: number[][] = widths.length ? [[0]] : [];
  let used = widths[0];
  for (let i = 1; i < widths.length; i++) {
    const size = GAP.length + widths[i];
    if (used + size > width && blocks[blocks.length - 1].length > 1) {
      blocks.push([0]);
      used = widths[0];
    }
    blocks[blocks.length - 1].push(i);
    used += size;
  }
  return blocks;
}

/** Maximum width of the name column. A longer name gets its own line. */
const NAMES = 34;
/** Minimum columns for the texts. */
const NARROWEST = 30;

/** Names and texts in two columns. The texts wrap at the width. */
export function definitions(rows: readonly (readonly [Text, Text])[], width: number): Styled[] {
  const left = Math.min(NAMES, Math.max(...rows.map(([name]) => columnsOf(name))));
  return rows.flatMap(([name, text]) => {
    const lines = wrapped(text, Math.max(NARROWEST, width - left - 4));
    const isLong = columnsOf(name) > left;
    return [
      ...(isLong ? [styled`  ${name}`] : []),
      ...lines.map((line, i) => joined(['', i === 0 && !isLong ? padded(name, left) : ' '.repeat(left), line], GAP)),
    ];
  });
}
