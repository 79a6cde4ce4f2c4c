/** The model that a run trains, as it was before the first step: resuming and exporting need no other file. */
import { createHash } from 'node:crypto';
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import * as z from 'zod';
import { ignoring, writeAtomically } from '../disk/index.ts';
import { ThawError } from '../errors.ts';
import { bytesOf, type Model, readModel, writeModel, writeModelWithExternalData } from '../onnx/index.ts';
import { identitySchema, type RunIdentity } from './identity.ts';

export interface RunSource {
  /** With its new head in place. */
  readonly model: Model;
  readonly identity: RunIdentity;
  /** Whatever else the caller needs to go on, as JSON: preprocessing, the model's name, … */
  readonly about: Readonly<Record<string, unknown>>;
}

const MODEL = 'source.onnx';
const DATA = 'source.onnx.data';
const NOTES = 'source.json';
/** Larger models have their weights in a second file, well below the 2 GiB that one can hold. */
const ONE_FILE_LIMIT = 2 ** 30;

/** What a kill leaves in the folder before the notes are there, by which the rest is found. */
export const isUnfinishedSource = (name: string): boolean => [MODEL, DATA].includes(name) || name.endsWith('.tmp');

const notesSchema = z.object({
  format: z.literal(1),
  files: z.record(z.string(), z.string()),
  identity: identitySchema,
  about: z.record(z.string(), z.unknown()),
});

export async function saveSource(folder: string, { model, identity, about }: RunSource): Promise<void> {
  const size = [...model.graph.initializers.values()].reduce(
    (all, tensor) => all + (tensor.type === 'string' ? 0 : bytesOf(tensor).length),
    0,
  );
  const { model: bytes, data } =
    size > ONE_FILE_LIMIT
      ? writeModelWithExternalData(model, { location: DATA })
      : { model: writeModel(model), data: [] };
  const files = { [MODEL]: digest([bytes]), ...(data.length && { [DATA]: digest(data) }) };
  await writeAtomically(join(folder, MODEL), bytes);
  if (data.length) await writeAtomically(join(folder, DATA), data);
  else await rm(join(folder, DATA), { force: true });
  await writeAtomically(join(folder, NOTES), `${JSON.stringify({ format: 1, files, identity, about }, null, 2)}\n`);
}

/** @throws ThawError `run-directory` where it is missing or damaged */
export async function loadSource(folder: string): Promise<RunSource> {
  const path = join(folder, NOTES);
  const text = await readFile(path, 'utf8').catch(ignoring('ENOENT'));
  if (text === undefined) {
    throw new ThawError(
      'run-directory',
      `there is no ${path}: the run stopped before it began to train`,
      'Start it again with `thaw train`',
    );
  }
  let notes: z.output<typeof notesSchema>;
  try {
    notes = notesSchema.parse(JSON.parse(text));
  } catch (cause) {
    throw new ThawError('run-directory', `${path} is damaged`, 'Start a new run with `thaw train`', { cause });
  }
  const read = async (name: string): Promise<Uint8Array> => {
    const bytes = await readFile(join(folder, name)).catch(ignoring('ENOENT'));
    if (bytes && digest([bytes]) === notes.files[name]) return bytes;
    throw new ThawError(
      'run-directory',
      `${join(folder, name)} is ${bytes ? 'damaged: its checksum does not match' : 'missing'}`,
      'Start a new run with `thaw train`',
    );
  };
  const bytes = await read(MODEL);
  const data = DATA in notes.files ? await read(DATA) : undefined;
  const model = readModel(bytes, data && ((_, offset, length) => data.subarray(offset, length && offset + length)));
  return { model, identity: notes.identity, about: notes.about };
}

function digest(parts: readonly Uint8Array[]): string {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest('hex');
}
