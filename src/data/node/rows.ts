/** Reads the rows of CSV and JSON lines files. */
import { readFile } from 'node:fs/promises';
import { parse } from 'csv-parse/sync';
import { ThawError } from '../../errors.ts';

/** The values of a row, by column. */
export type Row = Readonly<Record<string, unknown>>;

export interface NumberedRow {
  /** From 1. */
  readonly line: number;
  readonly row: Row;
}

/** A trimmed value; empty if the row does not have it. */
export const cell = (row: Row, key: string): string =>
  row[key] === undefined || row[key] === null ? '' : String(row[key]).trim();

/**
 * @param example JSON row for the error message
 * @returns the rows, and the union of their columns
 * @throws ThawError `bad-data` with the line
 */
export async function readRows(path: string, example: string): Promise<{ rows: NumberedRow[]; columns: string[] }> {
  const text = await readFile(path, 'utf8');
  return isCsv(path) ? readCsv(path, text) : readJsonLines(path, text, example);
}

/** Whether a path is that of a table with a header line. */
export const isCsv = (path: string): boolean => /\.[ct]sv$/i.test(path);

const SEPARATORS = [',', ';', '\t'];

/** The separator of a table: the most frequent one in its first line, outside of quotes. Spreadsheets in many languages write semicolons. */
function separatorOf(text: string): string {
  const [line = ''] = text
    .replace(/"[^"]*"/g, '')
    .trimStart()
    .split(/\r?\n/, 1);
  const counts = SEPARATORS.map((separator) => line.split(separator).length);
  return SEPARATORS[counts.indexOf(Math.max(...counts))];
}

function readCsv(path: string, text: string): { rows: NumberedRow[]; columns: string[] } {
  let records: { record: Record<string, string>; info: { lines: number } }[];
  let columns: string[] = [];
  const header = (names: string[]) => {
    columns = names.map((name) => name.trim());
    return columns;
  };
  try {
    const delimiter = separatorOf(text);
    const options = { bom: true, columns: header, delimiter, info: true, skip_empty_lines: true, trim: true };
    records = parse(text, options) as never;
  } catch (error) {
    throw new ThawError('bad-data', `${path}: ${(error as Error).message}`, 'Use a CSV file with a header line', {
      cause: error,
    });
  }
  const twice = columns.find((name, i) => columns.indexOf(name) !== i);
  if (twice !== undefined) throw new ThawError('bad-data', `${path} has two columns ${twice}`, 'Rename one of them');
  return { rows: records.map(({ record, info }) => ({ line: info.lines, row: record })), columns };
}

function readJsonLines(path: string, text: string, example: string): { rows: NumberedRow[]; columns: string[] } {
  const lines = text
    .replace(/^\ufeff/, '')
    .split('\n')
    .map((content, i) => ({ content, line: i + 1 }));
  const rows = lines
    .filter(({ content }) => content.trim())
    .map(({ content, line }) => {
      try {
        const row: unknown = JSON.parse(content);
        if (typeof row === 'object' && row !== null && !Array.isArray(row)) return { line, row: row as Row };
      } catch {
        // Reported below.
      }
      throw new ThawError(
        'bad-data',
        `${path}, line ${line} is not a JSON object`,
        `Write one object per line: ${example}`,
      );
    });
  return { rows, columns: [...new Set(rows.flatMap(({ row }) => Object.keys(row)))] };
}
