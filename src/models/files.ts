import { closeSync, existsSync, fstatSync, openSync, readSync, realpathSync, statSync } from 'node:fs';
import { open, stat } from 'node:fs/promises';
import { basename, dirname, isAbsolute, join, resolve, sep } from 'node:path';
import { removeAbandoned, writeAtomically } from '../disk/index.ts';
import { ThawError } from '../errors.ts';
import {
  fitsOneFile,
  type Model,
  modelParts,
  type ReadExternal,
  readModel,
  writeModelWithExternalData,
} from '../onnx/index.ts';

/** A protocol buffer, which an ONNX file is, has at most 2 GiB. */
const MESSAGE_LIMIT = 2 ** 31 - 1;

/**
 * Reads an `.onnx` file, and of the files beside it the parts that its tensors lie in.
 *
 * @throws ThawError `not-found` or `bad-model`, naming the file
 */
export async function readModelFile(path: string): Promise<Model> {
  const found = await stat(path).catch(() => undefined);
  if (!found) throw new ThawError('not-found', `there is no file ${path}`, 'Check the path of the model');
  if (found.isDirectory()) throw new ThawError('not-found', `${path} is a folder`, 'Give the .onnx file in it');
  // Opening a pipe would wait for whoever writes to it.
  if (!found.isFile()) throw new ThawError('not-found', `${path} is no file`, 'Give the path of an .onnx file');
  if (found.size > MESSAGE_LIMIT) {
    throw new ThawError(
      'bad-model',
      `${path} has ${found.size} bytes, more than the 2 GiB that one ONNX file can have`,
      'Export the model with external data',
    );
  }
  const bytes = await readWhole(path, found.size).catch((cause: NodeJS.ErrnoException) => {
    throw new ThawError('not-found', `${path} cannot be read (${cause.code})`, 'Check its permissions', { cause });
  });
  const files = new ExternalFiles(path);
  try {
    return readModel(bytes, files.read, { consume: true });
  } catch (error) {
    if (!(error instanceof ThawError)) throw error;
    throw new ThawError(error.code, `${path}: ${error.message}`, error.hint, { cause: error });
  } finally {
    files.close();
  }
}

/** What `readFile` gives; that reads half a mebibyte at a time, which takes twice as long. @param size as far as it is known */
async function readWhole(path: string, size: number): Promise<Uint8Array> {
  const file = await open(path);
  try {
    const bytes = Buffer.allocUnsafeSlow(size);
    for (let done = 0; done < size; ) {
      const { bytesRead } = await file.read(bytes, done, size - done, done);
      if (bytesRead === 0) return bytes.subarray(0, done);
      done += bytesRead;
    }
    return bytes;
  } finally {
    await file.close();
  }
}

interface External {
  readonly descriptor: number;
  readonly size: number;
  /** By their place; tensors that share a place share its bytes. */
  readonly parts: Map<string, Uint8Array>;
  read: number;
}

/** Files that a model names for its tensors' data: only those in its own folder are read, only the parts asked for, and each once. */
class ExternalFiles {
  private readonly opened = new Map<string, External>();

  private readonly folder: string;
  /** Where its files really are: a download cache keeps links, the model's own among them, to one folder of contents. */
  private readonly homes: readonly string[];

  constructor(model: string) {
    this.folder = dirname(model);
    this.homes = [realpathSync(this.folder), dirname(realpathSync(model))];
  }

  readonly read: ReadExternal = (location, offset, length) => {
    const file = this.opened.get(location) ?? this.open(location);
    const { size, parts } = file;
    const wanted = length ?? size - offset;
    if (wanted < 0 || offset + wanted > size) {
      throw new ThawError(
        'bad-model',
        `a tensor lies at bytes ${offset} to ${offset + Math.max(0, wanted)} of "${location}", which has ${size}`,
        'The file is truncated or of another model: download or export both again',
      );
    }
    const place = `${offset} ${wanted}`;
    const bytes = parts.get(place) ?? this.part(file, location, offset, wanted);
    parts.set(place, bytes);
    return bytes;
  };

  private part(file: External, location: string, offset: number, wanted: number): Uint8Array {
    file.read += wanted;
    // A small file that thousands of tensors claim to fill would fill the memory.
    if (file.read > file.size)
      throw new ThawError('bad-model', `tensors overlap in "${location}"`, 'The model is damaged: export it again');
    const bytes = new Uint8Array(wanted);
    for (let done = 0; done < wanted; ) {
      const count = readSync(file.descriptor, bytes, done, Math.min(wanted - done, 1 << 30), offset + done);
      if (count === 0) throw new ThawError('bad-model', `"${location}" became shorter while it was read`, 'Try again');
      done += count;
    }
    return bytes;
  }

  private open(location: string): External {
    const outside = () =>
      new ThawError(
        'bad-model',
        `the model keeps weights in "${location}", outside its own folder`,
        'Move that file beside the model and export again; for safety nothing else is read',
      );
    if (location === '' || isAbsolute(location) || /^[A-Za-z]:|\\/.test(location)) throw outside();
    if (location.split('/').includes('..')) throw outside();
    const path = join(this.folder, location);
    if (!existsSync(path)) {
      throw new ThawError(
        'bad-model',
        `the model keeps weights in "${location}", which is not beside it`,
        'Put that file into the same folder',
      );
    }
    const real = realpathSync(path);
    if (!this.homes.some((home) => real.startsWith(home.endsWith(sep) ? home : home + sep))) throw outside();
    // Before it is opened: a pipe would wait for whoever writes to it.
    if (!statSync(real).isFile())
      throw new ThawError('bad-model', `"${location}", where the model keeps weights, is no file`, 'Export it again');
    const descriptor = openSync(real, 'r');
    const file = { descriptor, size: fstatSync(descriptor).size, parts: new Map(), read: 0 };
    this.opened.set(location, file);
    return file;
  }

  close(): void {
    for (const { descriptor } of this.opened.values()) closeSync(descriptor);
  }
}

export interface WriteFileOptions {
  /** Whether large tensors go to `<name>.onnx_data` beside the file; by default only where one file cannot hold them. */
  readonly externalData?: boolean;
}

/**
 * Writes a model; under its name there is at any moment the old file, or the whole new one. Folders are made as needed.
 *
 * @throws ThawError `run-directory` when the disk is full or may not be written
 */
export async function writeModelFile(path: string, model: Model, options: WriteFileOptions = {}): Promise<void> {
  const target = resolve(path);
  const { externalData = !fitsOneFile(model) } = options;
  for (const file of [target, `${target}_data`]) await removeAbandoned(file);
  if (!externalData) return writeAtomically(target, modelParts(model).parts);
  const location = `${basename(target)}_data`;
  const { model: bytes, data } = writeModelWithExternalData(model, { location });
  await writeAtomically(join(dirname(target), location), data);
  await writeAtomically(target, bytes);
}
