/** Parts of files that are read on demand. */
import { closeSync, fstatSync, openSync, readSync, type Stats } from 'node:fs';
import { ThawError } from '../../errors.ts';
import type { ByteRange, FilePlace } from '../../onnx/index.ts';

/** Bytes to read at a time. Each tensor has its own piece, and V8 frees pieces late, so that large ones would add up to the whole model. */
const PIECE = 2 ** 18;

/** A file, with its size and time at the first read. */
export interface KnownFile {
  readonly path: string;
  /** Its name in the model, or as given by the user. */
  readonly name: string;
  readonly stats: Stats;
}

/** A part of a file. A read fails if the file has changed. */
export class FileRange implements ByteRange {
  constructor(
    private readonly file: KnownFile,
    private readonly offset: number,
    readonly length: number,
  ) {}

  read(): Uint8Array {
    const bytes = new Uint8Array(this.length);
    this.opened((descriptor) => readInto(descriptor, this.file.name, bytes, this.offset));
    return bytes;
  }

  *pieces(): Generator<Uint8Array> {
    const piece = Buffer.allocUnsafeSlow(Math.min(PIECE, this.length));
    for (let done = 0; done < this.length; done += piece.length) {
      const part = piece.subarray(0, Math.min(piece.length, this.length - done));
      this.opened((descriptor) => readInto(descriptor, this.file.name, part, this.offset + done));
      yield part;
    }
  }

  place(): FilePlace {
    this.opened(() => undefined);
    return { path: this.file.path, offset: this.offset };
  }

  private opened(use: (descriptor: number) => void): void {
    const descriptor = openUnchanged(this.file);
    try {
      use(descriptor);
    } finally {
      closeSync(descriptor);
    }
  }
}

function openUnchanged({ path, name, stats }: KnownFile): number {
  const changed = (cause?: unknown) =>
    new ThawError(
      'bad-model',
      `"${name}", which holds weights of the model, changed or disappeared while the model was in use`,
      'Start again, and do not change the file until Thaw has finished',
      { cause },
    );
  let descriptor: number;
  try {
    descriptor = openSync(path, 'r');
  } catch (cause) {
    throw changed(cause);
  }
  const now = fstatSync(descriptor);
  if (now.size === stats.size && now.mtimeMs === stats.mtimeMs && now.ino === stats.ino) return descriptor;
  closeSync(descriptor);
  throw changed();
}

/** Reads bytes from an offset of a file. */
export function readInto(descriptor: number, name: string, bytes: Uint8Array, from: number): void {
  for (let done = 0; done < bytes.length; ) {
    const count = readSync(descriptor, bytes, done, Math.min(bytes.length - done, 2 ** 30), from + done);
    if (count === 0) throw new ThawError('bad-model', `"${name}" became shorter during reading`, 'Try again');
    done += count;
  }
}
