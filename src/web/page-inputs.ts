/** Models and images as a page has them, and how they are sent to the worker. */
import { ThawError } from '../errors.ts';
import { publicAddress } from '../secrets.ts';
import type { TaskName } from '../tasks/index.ts';
import {
  FILES_AROUND,
  type FolderFiles,
  type InputHandle,
  type ModelRequest,
  type OpenRequest,
  type Sending,
  withFolder,
} from '../worker/index.ts';

/**
 * An `.onnx` file's bytes, the file itself, its address or that of a model's folder (which ends in a slash), relative to the page or
 * absolute; or the files that `finish()` gave.
 */
export type PageModel = Uint8Array | Blob | URL | string | FolderFiles;

/** An image file or its bytes, or what shows an image: a canvas, an image element, the current frame of a camera or a video. */
export type PageImage = Blob | Uint8Array | Exclude<CanvasImageSource, SVGElement> | ImageData;

/** What to fine-tune in a page: a model, labelled samples, and settings. */
export type PageOpenRequest<T extends TaskName = 'classification'> = OpenRequest<T, PageImage, PageModel>;

/** Canvases and frames turned into files at a time: each is held uncompressed meanwhile. */
const AT_A_TIME = 4;

export const fromPage: Sending<PageImage, PageModel> = {
  async inputs(inputs) {
    const handles: InputHandle[] = [];
    for (let at = 0; at < inputs.length; at += AT_A_TIME)
      handles.push(...(await Promise.all(inputs.slice(at, at + AT_A_TIME).map(handleOf))));
    return handles;
  },
  async model({ model, ...rest }) {
    if (model instanceof Uint8Array) return { ...rest, model };
    if (model instanceof Blob) return { ...rest, model: new Uint8Array(await model.arrayBuffer()) };
    if (typeof model === 'string' || model instanceof URL) return fetched(new URL(model, location.href), rest);
    return withFolder(rest, model);
  },
};

/** The bytes of a model without the files next to it. @throws ThawError `not-found` for an address that has no file */
export async function bytesOfModel(model: Uint8Array | string): Promise<Uint8Array> {
  if (model instanceof Uint8Array) return model;
  const { response } = await fetchModel(new URL(model, location.href));
  return new Uint8Array(await response.arrayBuffer());
}

/** The model at an address. The JSON files next to it come along, unless they are given. */
async function fetched<R extends Omit<ModelRequest, 'model'>>(address: URL, request: R) {
  const { response, url } = await fetchModel(address);
  const model = new Uint8Array(await response.arrayBuffer());
  const around = await Promise.all(
    Object.entries(FILES_AROUND).map(async ([field, file]) => {
      const given = request[field as keyof typeof FILES_AROUND];
      return [field, given ?? (await jsonAround(url, file))] as const;
    }),
  );
  return { name: nameOf(url), source: publicAddress(url.href), ...request, ...Object.fromEntries(around), model };
}

const IN_FOLDER = ['onnx/model.onnx', 'model.onnx'];

/** @throws ThawError `not-found` for an address that has no file */
async function fetchModel(address: URL): Promise<{ readonly response: Response; readonly url: URL }> {
  const isFolder = address.pathname.endsWith('/');
  const shown = publicAddress(address.href);
  let last: Response | undefined;
  for (const place of isFolder ? IN_FOLDER : ['']) {
    const url = isFolder ? beside(address, place) : address;
    last = await fetch(url).catch((cause: Error) => {
      throw new ThawError('not-found', `${shown} cannot be fetched: ${cause.message}`, 'Check the address', { cause });
    });
    if (last.ok) return { response: last, url };
  }
  throw new ThawError(
    'not-found',
    isFolder ? `${shown} has no ${IN_FOLDER[0]} (${last!.status})` : `${shown} is not there (${last!.status})`,
    'Check the address; that of a folder ends in a slash',
  );
}

/** A file relative to an address. The address's query may hold the key to the whole folder. */
function beside(address: URL, place: string): URL {
  const url = new URL(place, address);
  url.search = address.search;
  return url;
}

/** `pets` of `…/pets/onnx/model.onnx` and of `…/pets.onnx`. */
const nameOf = ({ pathname }: URL): string | undefined =>
  pathname
    .replace(/(\/onnx)?\/model\.onnx$/, '')
    .split('/')
    .at(-1)
    ?.replace(/\.onnx$/i, '') || undefined;

/** A JSON file next to a model, or above its `onnx/`; undefined if it is not there, or a page is in its place. */
async function jsonAround(model: URL, file: string): Promise<unknown> {
  for (const place of model.pathname.includes('/onnx/') ? ['./', '../'] : ['./']) {
    // An address such as `blob:…` has nothing next to it.
    if (!URL.canParse(place, model.href)) return undefined;
    const response = await fetch(beside(model, place + file)).catch(() => undefined);
    if (!response?.ok) continue;
    try {
      return await response.json();
    } catch {
      // Some servers answer every address with their front page.
    }
  }
  return undefined;
}

/** Files and texts unchanged, all else as PNG, which keeps every pixel. */
async function handleOf(input: PageImage | string): Promise<InputHandle> {
  if (typeof input === 'string' || input instanceof Blob || input instanceof Uint8Array) return input;
  if (typeof input !== 'object' || input === null)
    throw new ThawError('bad-data', `${input} is not an image`, 'Give a File, a Blob, a canvas, an image or a video');
  const { width, height } = sizeOf(input);
  if (!width || !height)
    throw new ThawError('bad-data', 'an image has no size yet', 'Wait until it is loaded, or the video plays');
  const canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext('2d')!;
  if (input instanceof ImageData) context.putImageData(input, 0, 0);
  else context.drawImage(input, 0, 0, width, height);
  return canvas.convertToBlob({ type: 'image/png' });
}

function sizeOf(image: Exclude<PageImage, Blob | Uint8Array>): { readonly width: number; readonly height: number } {
  if ('videoWidth' in image) return { width: image.videoWidth, height: image.videoHeight };
  if ('naturalWidth' in image) return { width: image.naturalWidth, height: image.naturalHeight };
  if ('displayWidth' in image) return { width: image.displayWidth, height: image.displayHeight };
  return image;
}
