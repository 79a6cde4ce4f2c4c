/** The model that a run trains, before the first step. Resume and export need no other file. */
import { createHash } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import * as z from 'zod';
import { ThawError } from '../../errors.ts';
import { parseJson } from '../../json.ts';
import { type Model, modelParts, weightBytes, writeModelWithExternalData } from '../../onnx/index.ts';
import {
  type Contents,
  digestIfThere,
  flushFolder,
  linkAtomically,
  makeFolder,
  readTextIfThere,
  writeAtomically,
} from '../disk/index.ts';
import { readModelFile } from '../models/files.ts';
import { identitySchema, type RunIdentity } from './identity.ts';

export interface RunSource {
  /** Includes its new head. */
  readonly model: Model;
  readonly identity: RunIdentity;
  /** Other data for a resume, as JSON: preprocessing, the model's name, … */
  readonly about: Readonly<Record<string, unknown>>;
}

const MODEL = 'source.onnx';
const DATA = 'source.onnx.data';
const NOTES = 'source.json';
/** Larger models store their weights in a second file. One file can have at most 2 GiB. */
const ONE_FILE_LIMIT = 2 ** 30;

/** Whether a file is a leftover of a kill before the notes were written. */
export const isUnfinishedSource = (name: string): boolean => [MODEL, DATA].includes(name) || name.endsWith('.tmp');

const notesSchema = z.object({
  format: z.literal(1),
  files: z.object({ [MODEL]: z.string(), [DATA]: z.string().optional() }),
  identity: identitySchema,
  about: z.record(z.string(), z.unknown()),
});

/** Paths of model files in other runs, by their SHA-256. */
export type KnownSources = Map<string, string>;

/** @param known equal files, which the run shares by hard links. Receives the run's own ones */
export async function saveSource(
  folder: string,
  { model, identity, about }: RunSource,
  known: KnownSources = new Map(),
): Promise<void> {
  const isLarge = weightBytes(model.graph.initializers) > ONE_FILE_LIMIT;
  const external = isLarge ? writeModelWithExternalData(model, { location: DATA }) : undefined;
  const parts = external ? [external.model] : modelParts(model).parts;
  const files = { [MODEL]: digestOf(parts), ...(external && { [DATA]: digestOf(external.data) }) };
  const save = async (name: typeof MODEL | typeof DATA, contents: Contents) => {
    const [path, digest] = [join(folder, name), files[name] as string];
    if (!(await shareFile(known.get(digest), path, digest))) await writeAtomically(path, contents);
    known.set(digest, path);
  };
  await save(MODEL, parts);
  if (external) await save(DATA, external.data);
  else await rm(join(folder, DATA), { force: true });
  await writeAtomically(join(folder, NOTES), `${JSON.stringify({ format: 1, files, identity, about }, null, 2)}\n`);
}

/** Links to an equal file of another run, which keeps its space when one of them is removed. @returns false if there is none */
async function shareFile(other: string | undefined, path: string, digest: string): Promise<boolean> {
  if (other === undefined || (await digestIfThere(other).catch(() => undefined)) !== digest) return false;
  await makeFolder(dirname(path));
  try {
    await linkAtomically(other, path);
  } catch {
    // Some file systems have no links.
    return false;
  }
  await flushFolder(dirname(path));
  return true;
}

/** Adds the model files of a run. */
export async function rememberSource(folder: string, known: KnownSources): Promise<void> {
  const { files } = await loadNotes(folder);
  for (const [name, digest] of Object.entries(files)) known.set(digest, join(folder, name));
}

/**
 * How a run began, without its model.
 *
 * @throws ThawError `run-directory` if the file is missing or damaged
 */
export async function loadNotes(folder: string): Promise<z.infer<typeof notesSchema>> {
  const path = join(folder, NOTES);
  const text = await readTextIfThere(path);
  if (text !== undefined) return parseJson(text, notesSchema, { what: path, hint: NEW_RUN });
  throw new ThawError(
    'run-directory',
    `${path} does not exist: the run stopped before training started`,
    'Start it again with `thaw train`',
  );
}

/** @throws ThawError `run-directory` if the source is missing or damaged */
export async function loadSource(folder: string): Promise<RunSource> {
  const { files, identity, about } = await loadNotes(folder);
  for (const [name, expected] of Object.entries(files)) {
    const file = join(folder, name);
    const found = await digestIfThere(file);
    if (found === expected) continue;
    throw new ThawError(
      'run-directory',
      `${file} is ${found ? 'damaged: its checksum does not match' : 'missing'}`,
      NEW_RUN,
    );
  }
  return { model: await modelOf(join(folder, MODEL)), identity, about };
}

const NEW_RUN = 'Start a new run with `thaw train`';

async function modelOf(path: string): Promise<Model> {
  try {
    return await readModelFile(path);
  } catch (error) {
    if (!(error instanceof ThawError)) throw error;
    throw new ThawError('run-directory', error.message, NEW_RUN, { cause: error });
  }
}

function digestOf(parts: Iterable<Uint8Array>): string {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest('hex');
}
