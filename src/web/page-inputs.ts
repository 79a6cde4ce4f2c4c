/** What a page has models and images as, made into what is sent to the worker. */
import { ThawError } from '../errors.ts';
import { publicAddress } from '../secrets.ts';
import type { LabelledImage, OpenRequest, RemoteRoundRequest } from '../worker/index.ts';

/** An `.onnx` file's bytes, the file itself, or its address, which may be relative to the page. */
export type PageModel = Uint8Array | Blob | URL | string;

/** An image file, or whatever shows one: a canvas, an image, a camera's or a video's present frame. */
export type PageImage = Blob | Exclude<CanvasImageSource, SVGElement> | ImageData;

export interface PageOpenRequest extends Omit<OpenRequest, 'model' | 'images'> {
  readonly model: PageModel;
  readonly images: readonly (Omit<LabelledImage, 'image'> & { readonly image: PageImage })[];
}

export interface PageRoundRequest extends Omit<RemoteRoundRequest, 'model' | 'images'> {
  readonly model: PageModel;
  readonly images: PageOpenRequest['images'];
}

/** Canvases and frames turned into files at a time: each is held uncompressed meanwhile. */
const AT_A_TIME = 4;

/** A request as it is sent. Of a model at an address, the JSON files around it come along, unless they are given. */
export async function withBytes<R extends Pick<PageOpenRequest, 'model' | 'images' | 'preprocessorConfig' | 'config'>>({
  model,
  images,
  ...rest
}: R) {
  const blobs = await blobsOf(images.map(({ image }) => image));
  const isAddress = typeof model === 'string' || model instanceof URL;
  const { preprocessorConfig, config } = rest;
  const around = async (file: string) => (isAddress ? jsonAround(model, file) : undefined);
  return {
    ...rest,
    preprocessorConfig: preprocessorConfig ?? (await around('preprocessor_config.json')),
    config: config ?? (await around('config.json')),
    model: await bytesOfModel(model),
    images: images.map((labelled, i) => ({ ...labelled, image: blobs[i] })),
  };
}

/** @throws ThawError `not-found` for an address that gives no file */
export async function bytesOfModel(model: PageModel): Promise<Uint8Array> {
  if (model instanceof Uint8Array) return model;
  if (model instanceof Blob) return new Uint8Array(await model.arrayBuffer());
  const response = await fetch(model).catch((cause: Error) => {
    throw new ThawError(
      'not-found',
      `${publicAddress(String(model))} cannot be fetched: ${cause.message}`,
      'Check the address',
      {
        cause,
      },
    );
  });
  if (response.ok) return new Uint8Array(await response.arrayBuffer());
  throw new ThawError(
    'not-found',
    `${publicAddress(String(model))} is not there (${response.status})`,
    'Check the address',
  );
}

/** A JSON file next to a model, or above its `onnx/`; undefined if it is not there, or a page is in its place. */
async function jsonAround(model: string | URL, file: string): Promise<unknown> {
  const address = new URL(model, location.href);
  for (const place of address.pathname.includes('/onnx/') ? ['./', '../'] : ['./']) {
    const url = new URL(place + file, address);
    // The model's query may hold the key to the whole folder.
    url.search = address.search;
    const response = await fetch(url).catch(() => undefined);
    if (!response?.ok) continue;
    try {
      return await response.json();
    } catch {
      // Some servers answer every address with their front page.
    }
  }
  return undefined;
}

export async function blobsOf(images: readonly PageImage[]): Promise<Blob[]> {
  const blobs: Blob[] = [];
  for (let at = 0; at < images.length; at += AT_A_TIME) {
    blobs.push(...(await Promise.all(images.slice(at, at + AT_A_TIME).map(blobOf))));
  }
  return blobs;
}

/** Files as they are, all else as PNG, which keeps every pixel. */
async function blobOf(image: PageImage): Promise<Blob> {
  if (image instanceof Blob) return image;
  if (typeof image !== 'object') {
    throw new ThawError('bad-data', `${image} is no image`, 'Give a File, a Blob, a canvas, an image or a video');
  }
  const { width, height } = sizeOf(image);
  if (!width || !height) {
    throw new ThawError('bad-data', 'an image has no size yet', 'Wait until it is loaded, or the video plays');
  }
  const canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext('2d')!;
  if (image instanceof ImageData) context.putImageData(image, 0, 0);
  else context.drawImage(image, 0, 0, width, height);
  return canvas.convertToBlob({ type: 'image/png' });
}

function sizeOf(image: Exclude<PageImage, Blob>): { readonly width: number; readonly height: number } {
  if ('videoWidth' in image) return { width: image.videoWidth, height: image.videoHeight };
  if ('naturalWidth' in image) return { width: image.naturalWidth, height: image.naturalHeight };
  if ('displayWidth' in image) return { width: image.displayWidth, height: image.displayHeight };
  return image;
}
