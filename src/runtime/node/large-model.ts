/** Passes a large model to onnxruntime-node, with its weights in files or in memory. */
import { realpathSync } from 'node:fs';
import { link, mkdtemp, open, rm, statfs } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import {
  arrayOf,
  byteLengthOf,
  bytesOf,
  ExternalData,
  encodeExternally,
  type FilePlace,
  type Model,
  placeOf,
  type Tensor,
} from '../../onnx/index.ts';

/** Smaller tensors are encoded with the model. */
const LARGE = 2 ** 20;
/** The most bytes of large tensors that are encoded with the model, because they are in no file. */
const MOST_LOOSE = 2 ** 28;

/** Arguments of `InferenceSession.create`. */
export interface Source {
  readonly model: Uint8Array;
  /** The folder of the files with the weights. */
  readonly folder?: string;
  readonly externalData?: readonly { readonly path: string; readonly data: Uint8Array }[];
  /** Removes temporary files after the session is open. */
  readonly close: () => Promise<void>;
}

/** Changes an encoded model before it is loaded. */
type Wrap = (encoded: Uint8Array) => Uint8Array;

/**
 * ONNX Runtime maps weights on disk into memory, without a copy. All their files must be in one folder. Thaw takes the folder in which they
 * are. If there are several, or some weights are in no file (merged or trained ones) or not aligned, it puts all into a temporary folder: a
 * link to each file, and one file for the others. If that fails, Thaw reads the weights and passes them in memory.
 */
export async function largeModel(model: Model, wrap: Wrap): Promise<Source> {
  const weights = [...model.graph.initializers.values()].filter(isLarge);
  const places = new Map(weights.flatMap((tensor) => entryOf(tensor)));
  const loose = weights.filter((tensor) => !places.has(tensor));
  return (
    inTheirFolder(model, places, loose, wrap) ??
    (await inTemporaryFolder(model, places, loose, wrap)) ??
    (await inTemporaryFolder(model, new Map(), weights, wrap)) ??
    inMemory(model, wrap)
  );
}

const isLarge = (tensor: Tensor): boolean => tensor.type !== 'string' && byteLengthOf(tensor) >= LARGE;

type Places = ReadonlyMap<Tensor, FilePlace>;

/** A tensor with its place, if its numbers can be read there. */
function entryOf(tensor: Tensor): [Tensor, FilePlace][] {
  const place = placeOf(tensor);
  if (!place || place.offset % (arrayOf(tensor.type)?.BYTES_PER_ELEMENT ?? 1) !== 0) return [];
  return [[tensor, { ...place, path: realpathSync(place.path) }]];
}

const pathsOf = (places: Places): string[] => [...new Set([...places.values()].map(({ path }) => path))];

function inTheirFolder(model: Model, places: Places, loose: readonly Tensor[], wrap: Wrap): Source | undefined {
  const [folder, ...others] = new Set(pathsOf(places).map((path) => dirname(path)));
  const bytes = loose.reduce((all, tensor) => all + byteLengthOf(tensor), 0);
  if (folder === undefined || others.length || bytes > MOST_LOOSE) return undefined;
  const encoded = encodeExternally(model, (tensor) => {
    const place = places.get(tensor);
    return place && { location: basename(place.path), offset: place.offset };
  });
  return { model: wrap(encoded), folder, close: async () => undefined };
}

async function inTemporaryFolder(
  model: Model,
  places: Places,
  loose: readonly Tensor[],
  wrap: Wrap,
): Promise<Source | undefined> {
  // Windows cannot remove a file that is mapped.
  if (process.platform === 'win32') return undefined;
  const paths = pathsOf(places);
  const folder = await mkdtemp(join(await diskFolder(), 'thaw-weights-')).catch(() => undefined);
  if (folder === undefined) return undefined;
  const close = () => rm(folder, { recursive: true, force: true });
  try {
    for (const [i, path] of paths.entries()) await link(path, join(folder, `weights-${i}`));
    const written = new ExternalData('others', LARGE);
    const offsets = new Map(loose.map((tensor) => [tensor, written.offsetOf(tensor)]));
    await writeParts(join(folder, written.location), written.parts);
    const encoded = encodeExternally(model, (tensor) => {
      const place = places.get(tensor);
      if (place) return { location: `weights-${paths.indexOf(place.path)}`, offset: place.offset };
      const offset = offsets.get(tensor);
      return offset === undefined ? undefined : { location: written.location, offset };
    });
    return { model: wrap(encoded), folder, close };
  } catch (error) {
    await close();
    // Another file system, one without hard links, or a full disk.
    if (isSystemError(error)) return undefined;
    throw error;
  }
}

const isSystemError = (error: unknown): boolean => (error as NodeJS.ErrnoException).syscall !== undefined;

async function writeParts(path: string, parts: Iterable<Uint8Array>): Promise<void> {
  const file = await open(path, 'wx');
  try {
    for (const part of parts) await file.writeFile(part);
  } finally {
    await file.close();
  }
}

/** Types of Linux's file systems that are in memory. */
const IN_MEMORY = new Set([0x01021994, 0x858458f6]);
/** The folder of Linux for large temporary files. */
const ON_DISK = '/var/tmp';

/** A folder for temporary files that is on a disk, if there is one. */
async function diskFolder(): Promise<string> {
  const isOnDisk = (path: string) =>
    statfs(path)
      .then(({ type }) => !IN_MEMORY.has(type))
      .catch(() => false);
  if (process.platform !== 'linux' || (await isOnDisk(tmpdir()))) return tmpdir();
  return (await isOnDisk(ON_DISK)) ? ON_DISK : tmpdir();
}

function inMemory(model: Model, wrap: Wrap): Source {
  const externalData: { path: string; data: Uint8Array }[] = [];
  const encoded = encodeExternally(model, (tensor) => {
    if (!isLarge(tensor)) return undefined;
    const path = `weights-${externalData.length}`;
    externalData.push({ path, data: bytesOf(tensor) });
    return { location: path, offset: 0 };
  });
  return { model: wrap(encoded), externalData, close: async () => undefined };
}
