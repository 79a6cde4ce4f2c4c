/** Passes a large model to onnxruntime-node, with its weights in files or in memory. */
import { link, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  arrayOf,
  byteLengthOf,
  bytesOf,
  encodeExternally,
  type Model,
  placeOf,
  type Tensor,
} from '../../onnx/index.ts';

/** Smaller tensors are encoded with the model. */
const LARGE = 2 ** 20;

/** Arguments of `InferenceSession.create`. */
export interface Source {
  readonly model: Uint8Array | string;
  readonly externalData?: readonly { readonly path: string; readonly data: Uint8Array }[];
  /** Removes temporary files after the session is open. */
  readonly close: () => Promise<void>;
}

/** Changes an encoded model before it is loaded. */
type Wrap = (encoded: Uint8Array) => Uint8Array;

/**
 * ONNX Runtime maps weights on disk into memory, without a copy. It only reads them from the model's own folder, so they get a second name
 * (a hard link) in a temporary folder. If that fails, Thaw reads the weights and passes them in memory.
 */
export async function largeModel(model: Model, wrap: Wrap): Promise<Source> {
  return (await linked(model, wrap)) ?? inMemory(model, wrap);
}

const isLarge = (tensor: Tensor): boolean => tensor.type !== 'string' && byteLengthOf(tensor) >= LARGE;

async function linked(model: Model, wrap: Wrap): Promise<Source | undefined> {
  // Windows cannot remove a link to a mapped file.
  if (process.platform === 'win32') return undefined;
  const large = [...model.graph.initializers.values()].filter(isLarge);
  const places = new Map(large.map((tensor) => [tensor, placeOf(tensor)]));
  const isAligned = (tensor: Tensor) => {
    const place = places.get(tensor);
    return place && place.offset % (arrayOf(tensor.type)?.BYTES_PER_ELEMENT ?? 1) === 0;
  };
  if (!large.every(isAligned)) return undefined;
  const paths = [...new Set([...places.values()].map((place) => place!.path))];
  const folder = await mkdtemp(join(tmpdir(), 'thaw-weights-'));
  const close = () => rm(folder, { recursive: true, force: true });
  try {
    for (const [i, path] of paths.entries()) await link(path, join(folder, `weights-${i}`));
    const file = join(folder, 'model.onnx');
    const encoded = encodeExternally(model, (tensor) => {
      const place = places.get(tensor);
      return place && { location: `weights-${paths.indexOf(place.path)}`, offset: place.offset };
    });
    await writeFile(file, wrap(encoded));
    return { model: file, close };
  } catch {
    // Another file system, or one without hard links.
    await close();
    return undefined;
  }
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
