/** Standard input: one image, or a line for each path or text. */
import { addAbortSignal, type Readable } from 'node:stream';
import { ThawError } from '../../errors.ts';
import { isImageStart, SIGNATURE } from '../file-format.ts';

export interface InputOptions {
  readonly signal?: AbortSignal;
}

/**
 * Reads an image, or paths: one a line, or with a zero byte after each (`find -print0`).
 *
 * @throws ThawError `bad-data` if there is nothing to read; the reason of `signal`
 */
export async function readImageOrPaths(
  stream: Readable,
  { signal }: InputOptions = {},
): Promise<{ readonly image: Uint8Array } | { readonly paths: AsyncIterable<string> }> {
  const chunks = chunksOf(stream, signal);
  let start: Buffer = Buffer.alloc(0);
  while (start.length < SIGNATURE && !/[\n\0]/.test(start.toString('latin1'))) {
    const { value, done } = await chunks.next();
    if (done) break;
    start = Buffer.concat([start, value]);
  }
  if (start.length === 0)
    throw new ThawError('bad-data', 'standard input is empty', 'Send an image, or a path on each line');
  if (!isImageStart(start)) return { paths: piecesOf(start, chunks, start.includes(0) ? '\0' : /\r?\n/) };
  const parts = [start];
  for await (const chunk of chunks) parts.push(chunk);
  return { image: Buffer.concat(parts) };
}

/** The lines of a text. */
export const readLines = (stream: Readable, { signal }: InputOptions = {}): AsyncIterable<string> =>
  piecesOf(Buffer.alloc(0), chunksOf(stream, signal), /\r?\n/);

async function* chunksOf(stream: Readable, signal?: AbortSignal): AsyncGenerator<Buffer> {
  if (signal) addAbortSignal(signal, stream);
  for await (const chunk of stream) yield Buffer.from(chunk);
}

/** The pieces of a text in UTF-8 between separators, also while the rest is still to come. */
async function* piecesOf(
  start: Buffer,
  rest: AsyncIterable<Buffer>,
  separator: string | RegExp,
): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let open = '';
  const pieces = (bytes: Uint8Array) => {
    const all = (open + decoder.decode(bytes, { stream: true })).split(separator);
    open = all.pop()!;
    return all;
  };
  yield* pieces(start);
  for await (const chunk of rest) yield* pieces(chunk);
  open += decoder.decode();
  if (open !== '') yield open;
}
