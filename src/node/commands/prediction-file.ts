import { type FileHandle, open, rename } from 'node:fs/promises';
import { dirname, extname, resolve } from 'node:path';
import { ThawError } from '../../errors.ts';
import { csvOf } from '../../report/csv.ts';
import { type PredictedRow, predictionColumns } from '../../report/prediction-table.ts';
import { flushFolder, ignoring, makeFolder, writeError } from '../disk/index.ts';

const FORMATS = ['.csv', '.jsonl'] as const;
type Format = (typeof FORMATS)[number];

export interface PredictionFileOptions {
  /** Most probable labels in a row of a CSV file. */
  readonly top?: number;
  /** Continues a file. Otherwise the rows are in `NAME.part` until all are there. */
  readonly append: boolean;
}

/** A CSV or JSON lines file with a row for each prediction. */
export class PredictionFile {
  /** Rows that this process wrote. */
  rows = 0;
  private readonly format: Format;
  private file: FileHandle | undefined;

  /** @throws ThawError `bad-config` if the name has another ending */
  constructor(
    readonly path: string,
    private readonly options: PredictionFileOptions,
  ) {
    const ending = extname(path).toLowerCase();
    const format = FORMATS.find((known) => known === ending);
    if (!format)
      throw new ThawError(
        'bad-config',
        `${path} ends in neither .csv nor .jsonl`,
        'Name it results.csv or results.jsonl',
      );
    this.format = format;
  }

  /** Where the rows are before `finish`. */
  get written(): string {
    return this.options.append ? this.path : `${this.path}.part`;
  }

  /** Absolute paths of its files. */
  get paths(): readonly string[] {
    return [this.path, this.written].map((path) => resolve(path));
  }

  /** @throws ThawError `run-directory` if the disk is full or not writable, `bad-data` if the file to continue has other columns */
  async write(samples: readonly PredictedRow[]): Promise<void> {
    if (!samples.length) return;
    await this.writing(async () => {
      const rows = samples.map((sample) => this.row(sample));
      this.file ??= await this.open(samples[0]);
      await this.file.appendFile(rows.join(''));
    });
    this.rows += samples.length;
  }

  /** Gives a complete file its name. */
  async finish(): Promise<void> {
    await this.writing(async () => {
      await this.close();
      if (!this.options.append && this.rows) await rename(this.written, this.path);
      await flushFolder(dirname(resolve(this.path)));
    });
  }

  async close(): Promise<void> {
    await this.file?.sync();
    await this.file?.close();
    this.file = undefined;
  }

  private row({ file, text, time, prediction }: PredictedRow): string {
    const { top } = this.options;
    const sample = { file, text, time, prediction };
    if (this.format === '.csv') return csvOf([predictionColumns(sample, top).map(([, value]) => value)]);
    return `${JSON.stringify({ file, text, time, ...prediction })}\n`;
  }

  private async open(first: PredictedRow): Promise<FileHandle> {
    const header =
      this.format === '.csv' ? csvOf([predictionColumns(first, this.options.top).map(([name]) => name)]) : '';
    await makeFolder(dirname(this.written));
    const isEmpty = !this.options.append || (await this.isEmpty(header));
    const file = await open(this.written, this.options.append ? 'a' : 'w');
    if (isEmpty) await file.appendFile(header);
    return file;
  }

  /** Whether the file to continue has no row. Cuts off a row that a killed process wrote in part. */
  private async isEmpty(header: string): Promise<boolean> {
    const file = await open(this.path, 'r+').catch(ignoring('ENOENT'));
    if (!file) return true;
    try {
      const { size } = await file.stat();
      const whole = await endOfLines(file, size);
      if (whole < size) await file.truncate(whole);
      if (whole === 0) return true;
      const start = await readAt(file, 0, Math.min(whole, Buffer.byteLength(header)));
      if (start.toString() === header) return false;
      const [columns] = (await readAt(file, 0, Math.min(whole, PIECE))).toString().split('\n', 1);
      throw new ThawError('bad-data', `${this.path} has other columns: ${columns}`, 'Choose another --out');
    } finally {
      await file.close();
    }
  }

  private async writing(work: () => Promise<void>): Promise<void> {
    await work().catch((error) => {
      throw writeError(error, this.written);
    });
  }
}

/** Bytes to read at a time. A file of results can be larger than memory. */
const PIECE = 2 ** 16;

async function readAt(file: FileHandle, from: number, length: number): Promise<Buffer> {
  const bytes = Buffer.alloc(length);
  let read = 0;
  while (read < length) {
    const { bytesRead } = await file.read(bytes, read, length - read, from + read);
    if (bytesRead === 0) break;
    read += bytesRead;
  }
  return bytes.subarray(0, read);
}

/** Where the last complete line ends. */
async function endOfLines(file: FileHandle, size: number): Promise<number> {
  for (let end = size; end > 0; end -= PIECE) {
    const from = Math.max(0, end - PIECE);
    const at = (await readAt(file, from, end - from)).lastIndexOf('\n');
    if (at >= 0) return from + at + 1;
  }
  return 0;
}
