import { randomUUID } from 'node:crypto';
import { open, stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { ThawError } from '../../errors.ts';
import { fitsOneFile, type Model, modelParts, readModel, writeModelWithExternalData } from '../../onnx/index.ts';
import { removeAbandoned, writeAtomically } from '../disk/index.ts';
import { type Deferral, ExternalFiles } from './external-files.ts';
import { Skeleton } from './skeleton.ts';

/** A protocol buffer, which an ONNX file is, has at most 2 GiB. */
const MESSAGE_LIMIT = 2 ** 31 - 1;

/** Tensors of a mebibyte or more stay in files of 256 MiB or more, until somebody asks for them. */
const DEFERRAL: Deferral = { file: 2 ** 28, tensor: 2 ** 20 };

/**
 * Reads an `.onnx` file, and from the files next to it the parts that hold its tensors. Large tensors of large files are read when somebody
 * asks for their data; the files have to stay unchanged until then.
 *
 * @throws ThawError `not-found` or `bad-model`, naming the file
 */
export async function readModelFile(path: string, deferral: Deferral = DEFERRAL): Promise<Model> {
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
  const own = randomUUID();
  const bytes = await readBytes(path, found.size, deferral, own).catch((cause: NodeJS.ErrnoException) => {
    throw new ThawError('not-found', `${path} cannot be read (${cause.code})`, 'Check its permissions', { cause });
  });
  const files = new ExternalFiles(path, deferral, own);
  try {
    return readModel(bytes, files.read, { consume: true });
  } catch (error) {
    if (!(error instanceof ThawError)) throw error;
    throw new ThawError(error.code, `${path}: ${error.message}`, error.hint, { cause: error });
  } finally {
    files.close();
  }
}

/** The file's bytes; of a large file without its large tensors, which are then at places of the location `own`. */
async function readBytes(path: string, size: number, deferral: Deferral, own: string): Promise<Uint8Array> {
  if (size < deferral.file) return readWhole(path, size);
  const file = await open(path);
  try {
    return new Skeleton(file.fd, size, deferral.tensor, own).bytes() ?? (await readWhole(path, size));
  } finally {
    await file.close();
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

export interface WriteFileOptions {
  /** Whether large tensors go to `<name>.onnx_data` next to the file; by default only if one file cannot hold them. */
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
