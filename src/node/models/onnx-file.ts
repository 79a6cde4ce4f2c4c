import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { type FileHandle, open, stat } from 'node:fs/promises';
import { ThawError } from '../../errors.ts';

/** Signatures of files that users often have instead of ONNX files. */
const otherFormats: readonly { readonly name: string; readonly hint: string; readonly starts: RegExp }[] = [
  {
    name: 'a Git LFS pointer, not the model itself',
    hint: 'Fetch the file with git lfs pull, or use hf:owner/name',
    starts: /^version https:\/\/git-lfs/,
  },
  {
    name: 'an HTML page',
    hint: 'Use the download address of the file (on the Hugging Face hub, /resolve/ instead of /blob/)',
    starts: /^\s*<(!doctype|html|head|\?xml|!--)/i,
  },
  {
    name: 'a PyTorch or zip archive',
    hint: 'Export the model to ONNX first, for example with torch.onnx.export',
    starts: /^PK/,
  },
  { name: 'a Keras HDF5 file', hint: 'Convert the model to ONNX first, for example with tf2onnx', starts: /^\x89HDF/ },
  {
    name: 'a TensorFlow Lite model',
    hint: 'Convert the model to ONNX first, for example with tf2onnx',
    starts: /^.{4}TFL3/s,
  },
];

const notOnnx = (where: string, what: string, hint = 'Give the path or address of an ONNX model') =>
  new ThawError('bad-model', `${where} is ${what}`, hint);

/**
 * Checks the outline of an ONNX file: the fields of `ModelProto`, including a graph, must end where the file ends. Reads only a few bytes
 * per field. `where` is the file's name in errors.
 * @throws ThawError `bad-model`
 */
export async function checkOnnxFile(path: string, where = path): Promise<void> {
  // Opening a pipe would block until someone writes to it.
  if (!(await stat(path)).isFile()) throw notOnnx(where, 'not a file');
  const file = await open(path);
  try {
    const { size } = await file.stat();
    if (size === 0) throw notOnnx(where, 'empty', 'Download or export the model again');
    const head = Buffer.alloc(Math.min(size, 256));
    await file.read(head, 0, head.length, 0);
    const start = head.toString('latin1');
    const impostor = otherFormats.find(({ starts }) => starts.test(start));
    if (impostor) throw notOnnx(where, impostor.name, impostor.hint);
    await walkModel(file, size, where);
  } finally {
    await file.close();
  }
}

/** Walks the top-level fields of `ModelProto` (onnx.proto: numbers 1 to 8, 14, 20, 25, 26). */
async function walkModel(file: FileHandle, size: number, where: string): Promise<void> {
  const isField = (number: number) => (number >= 1 && number <= 8) || [14, 20, 25, 26].includes(number);
  const window = Buffer.alloc(20);
  let at = 0;
  let graph = false;
  while (at < size) {
    const { bytesRead } = await file.read(window, 0, window.length, at);
    const tag = varint(window, 0, bytesRead);
    const number = Math.floor(tag.value / 8);
    const wire = tag.value % 8;
    if (tag.end === 0 || !isField(number) || (wire !== 0 && wire !== 2)) {
      if (graph) throw notOnnx(where, 'damaged after its graph', 'Download or export the model again');
      throw notOnnx(where, 'not an ONNX model');
    }
    const value = varint(window, tag.end, bytesRead);
    if (value.end === 0) throw notOnnx(where, 'truncated', 'Download or export the model again');
    at += wire === 0 ? value.end : value.end + value.value;
    graph ||= number === 7;
  }
  if (at > size) throw notOnnx(where, 'truncated', 'Download or export the model again');
  if (!graph) throw notOnnx(where, 'not an ONNX model: it has no graph');
}

/** Reads a base-128 number at `from`. `end` is 0 if the bytes run out. */
function varint(bytes: Buffer, from: number, length: number): { value: number; end: number } {
  let value = 0;
  for (let i = from; i < Math.min(length, from + 10); i++) {
    value += (bytes[i] & 0x7f) * 2 ** (7 * (i - from));
    if (bytes[i] < 0x80) return { value, end: i + 1 };
  }
  return { value: 0, end: 0 };
}

/** Hexadecimal SHA-256 of a file, or another digest. `prefix` is hashed before the contents. */
export async function digest(path: string, algorithm: 'sha256' | 'sha1' = 'sha256', prefix = ''): Promise<string> {
  const hash = createHash(algorithm).update(prefix);
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 })) hash.update(chunk as Buffer);
  return hash.digest('hex');
}
