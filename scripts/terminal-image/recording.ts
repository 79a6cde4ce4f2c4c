/** What a command prints on a terminal, with times. */
import type { Sink } from '../../src/cli/terminal/terminal.ts';

export const COLUMNS = 80;

/** A terminal that remembers what it shows, and when. */
export class Recording implements Sink {
  readonly isTTY = true;
  readonly columns = COLUMNS;
  readonly writes: Write[] = [];

  write(text: string): void {
    this.writes.push({ at: performance.now() / 1000, text });
  }
}

export interface Write {
  /** In seconds. */
  readonly at: number;
  readonly text: string;
}

/** A row of the screen, from one time to another. */
export interface ShownRow {
  readonly from: number;
  /** Infinite for a row that stays. */
  readonly to: number;
  readonly row: number;
  /** With SGR codes for colours. */
  readonly text: string;
}

/** Replays writes: lines, and status lines, which start with a carriage return and end where they are replaced. */
export function rowsOf(writes: readonly Write[]): ShownRow[] {
  const rows: ShownRow[] = [];
  let row = 0;
  let status: { from: number; text: string } | undefined;
  const endStatus = (to: number) => {
    if (status?.text) rows.push({ ...status, to, row });
    status = undefined;
  };
  for (const { at, text } of writes) {
    if (text.startsWith('\r')) {
      endStatus(at);
      status = { from: at, text: text.slice(1).replaceAll('\x1b[K', '') };
      continue;
    }
    endStatus(at);
    for (const line of text.replace(/\n$/, '').split('\n').flatMap(wrapped)) {
      rows.push({ from: at, to: Number.POSITIVE_INFINITY, row, text: line });
      row++;
    }
  }
  return rows;
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: terminals take them
const PARTS = /\x1b\[([\d;]*)m|([^\x1b]+)/gu;

/** A line's text, between the SGR codes that set its colours. */
export const partsOf = (line: string): { readonly codes?: readonly number[]; readonly text: string }[] =>
  [...line.matchAll(PARTS)].map(([code, codes, text]) =>
    text === undefined ? { codes: codes!.split(';').map(Number), text: code } : { text },
  );

/** A line in rows of the terminal's width. Codes take no columns. */
function wrapped(line: string): string[] {
  const rows = [''];
  let columns = 0;
  for (const { codes, text } of partsOf(line))
    for (const part of codes ? [text] : text) {
      if (!codes && columns === COLUMNS) {
        rows.push('');
        columns = 0;
      }
      rows[rows.length - 1] += part;
      columns += codes ? 0 : 1;
    }
  return rows;
}
