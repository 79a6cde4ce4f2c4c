/** The rows of a run's epochs for its checkpoints, in one file that they share: a copy in each would grow with every epoch. */
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import * as z from 'zod';
import { ThawError } from '../../errors.ts';
import { type EpochRow, readRow, writeRow } from '../../training/index.ts';
import { appendFlushed, readTextIfThere, writeAtomically } from '../disk/index.ts';

const FILE = 'rows.jsonl';

/** Names the rows of a checkpoint: the first lines of the file, and their SHA-256. */
export const rowsSchema = z.object({ count: z.number().int().nonnegative(), sha256: z.string() });
export type RowsReference = z.infer<typeof rowsSchema>;

const referenceTo = (lines: readonly string[]): RowsReference => {
  const hash = createHash('sha256');
  for (const line of lines) hash.update(`${line}\n`);
  return { count: lines.length, sha256: hash.digest('hex') };
};

/** The complete lines. A kill can leave a part of the last one. */
const linesOf = (text: string): string[] => text.split('\n').slice(0, -1);

/** Writes the file. The caller must hold the run's lock. */
export class RowLog {
  /** Each row as its line. A training keeps the objects of its rows. */
  private readonly known = new WeakMap<EpochRow, string>();
  private written: readonly string[] | undefined;

  /** @param folder of the checkpoints */
  constructor(private readonly folder: string) {}

  /** Appends the rows that the file lacks, and flushes them. Rows of a training that took another course are replaced. */
  async store(rows: readonly EpochRow[]): Promise<RowsReference> {
    const path = join(this.folder, FILE);
    const lines = rows.map((row) => this.lineOf(row));
    this.written ??= linesOf(await repaired(path));
    const different = lines.findIndex((line, i) => line !== this.written?.[i]);
    const added = different < 0 ? [] : lines.slice(different);
    const text = (some: readonly string[]) => some.map((line) => `${line}\n`).join('');
    if (added.length) {
      if (different === this.written.length && different > 0) await appendFlushed(path, text(added));
      else await writeAtomically(path, text(lines));
      this.written = lines;
    }
    return referenceTo(lines);
  }

  private lineOf(row: EpochRow): string {
    const line = this.known.get(row) ?? writeRow(row);
    this.known.set(row, line);
    return line;
  }
}

/** The text of the file, without a part of a line in the file itself: the next line would become a part of it. */
async function repaired(path: string): Promise<string> {
  const text = (await readTextIfThere(path)) ?? '';
  const whole = text.slice(0, text.lastIndexOf('\n') + 1);
  if (whole !== text) await writeAtomically(path, whole);
  return whole;
}

/**
 * The rows of a checkpoint.
 *
 * @throws ThawError `run-directory` if the file does not have them
 */
export async function readRowsOf(folder: string, { count, sha256 }: RowsReference): Promise<EpochRow[]> {
  const path = join(folder, FILE);
  const lines = linesOf((await readTextIfThere(path)) ?? '').slice(0, count);
  const hint = 'Restore the file, or start a new run with `thaw train`';
  if (referenceTo(lines).sha256 !== sha256) {
    throw new ThawError(
      'run-directory',
      `${path} is damaged: it does not have the ${count} rows of the checkpoint`,
      hint,
    );
  }
  return lines.map((line, i) => readRow(line, `line ${i + 1} of ${path}`));
}
