import { randomUUID } from 'node:crypto';
import { open, stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { ThawError } from '../../errors.ts';
import { fitsOneFile, type Model, modelParts, readModel, writeModelWithExternalData } from '../../onnx/index.ts';
import { ON_DISK } from '../../runtime/index.ts';
import { removeAbandoned, writeAtomically } from '../disk/index.ts';
import { type Deferral, ExternalFiles } from './external-files.ts';
import { Skeleton } from './skeleton.ts';

/** Maximum size of a protobuf message, and so of an ONNX file. */
const MESSAGE_LIMIT = 2 ** 31 - 1;

/** Tensors of at least 1 MiB in files of at least 256 MiB stay on disk until needed. */
const DEFERRAL: Deferral = { file: ON_DISK, tensor: 2 ** 20 };

/**
 * Reads an `.onnx` file and its external data. Large tensors of large files stay on disk until needed, so the files must not change until
 * then.
 *
 * @throws ThawError `not-found` or `bad-model` with the file name
 */
export async function readModelFile(path: string, deferral: Deferral = DEFERRAL): Promise<Model> {
  const found = await stat(path).catch(() => undefined);
  if (!found) throw new ThawError('not-found', `file ${path} does not exist`, 'Check the path of the model');
  if (found.isDirectory()) throw new ThawError('not-found', `${path} is a folder`, 'Give the .onnx file in it');
  // Opening a pipe would block until someone writes to it.
  if (!found.isFile()) throw new ThawError('not-found', `${path} is not a file`, 'Give the path of an .onnx file');
  if (found.size > MESSAGE_LIMIT) {
    throw new ThawError(
      'bad-model',
      `${path} has ${found.size} bytes, but an ONNX file can have at most 2 GiB`,
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

/** The bytes of a file. For a large file, large tensors become external data with the location `own`. */
async function readBytes(path: string, size: number, deferral: Deferral, own: string): Promise<Uint8Array> {
  if (size < deferral.file) return readWhole(path, size);
  const file = await open(path);
  try {
    return new Skeleton(file.fd, size, deferral.tensor, own).bytes() ?? (await readWhole(path, size));
  } finally {
    await file.close();
  }
}

/** Like `readFile`, but twice as fast, because `readFile` reads only 512 KiB at a time. @param size the expected size */
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
  /** Whether to write large tensors to `<name>.onnx_data` next to the file. Default: only if one file cannot hold them. */
  readonly externalData?: boolean;
}

/**
 * Writes a model atomically: its path always has the complete old file or the complete new one. Creates missing folders.
 *
 * @throws ThawError `run-directory` if the disk is full or not writable
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
