/** What a page has models and pictures as, made into what is sent to the worker. */
import { ThawError } from '../errors.ts';
import { publicAddress } from '../secrets.ts';
import type { LabelledPicture, OpenRequest, RemoteRoundRequest } from '../worker/index.ts';

/** An `.onnx` file's bytes, the file itself, or its address, which may be relative to the page. */
export type PageModel = Uint8Array | Blob | URL | string;

/** A picture file, or whatever shows one: a canvas, an image, a camera's or a video's present frame. */
export type PagePicture = Blob | Exclude<CanvasImageSource, SVGElement> | ImageData;

export interface PageOpenRequest extends Omit<OpenRequest, 'model' | 'pictures'> {
  readonly model: PageModel;
  readonly pictures: readonly (Omit<LabelledPicture, 'picture'> & { readonly picture: PagePicture })[];
}

export interface PageRoundRequest extends Omit<RemoteRoundRequest, 'model' | 'pictures'> {
  readonly model: PageModel;
  readonly pictures: PageOpenRequest['pictures'];
}

/** Canvases and frames turned into files at a time: each is held uncompressed meanwhile. */
const AT_A_TIME = 4;

/** A request as it is sent. Of a model at an address, the JSON files around it come along, unless they are given. */
export async function withBytes<
  R extends Pick<PageOpenRequest, 'model' | 'pictures' | 'preprocessorConfig' | 'config'>,
>({ model, pictures, ...rest }: R) {
  const blobs = await blobsOf(pictures.map(({ picture }) => picture));
  const isAddress = typeof model === 'string' || model instanceof URL;
  const { preprocessorConfig, config } = rest;
  const around = async (file: string) => (isAddress ? jsonAround(model, file) : undefined);
  return {
    ...rest,
    preprocessorConfig: preprocessorConfig ?? (await around('preprocessor_config.json')),
    config: config ?? (await around('config.json')),
    model: await bytesOfModel(model),
    pictures: pictures.map((labelled, i) => ({ ...labelled, picture: blobs[i] })),
  };
}

/** @throws ThawError `not-found` for an address that gives no file */
async function bytesOfModel(model: PageModel): Promise<Uint8Array> {
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

export async function blobsOf(pictures: readonly PagePicture[]): Promise<Blob[]> {
  const blobs: Blob[] = [];
  for (let at = 0; at < pictures.length; at += AT_A_TIME) {
    blobs.push(...(await Promise.all(pictures.slice(at, at + AT_A_TIME).map(blobOf))));
  }
  return blobs;
}

/** Files as they are, all else as PNG, which keeps every pixel. */
async function blobOf(picture: PagePicture): Promise<Blob> {
  if (picture instanceof Blob) return picture;
  if (typeof picture !== 'object') {
    throw new ThawError('bad-data', `${picture} is no picture`, 'Give a File, a Blob, a canvas, an image or a video');
  }
  const { width, height } = sizeOf(picture);
  if (!width || !height) {
    throw new ThawError('bad-data', 'a picture has no size yet', 'Wait until it is loaded, or the video plays');
  }
  const canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext('2d')!;
  if (picture instanceof ImageData) context.putImageData(picture, 0, 0);
  else context.drawImage(picture, 0, 0, width, height);
  return canvas.convertToBlob({ type: 'image/png' });
}

function sizeOf(picture: Exclude<PagePicture, Blob>): { readonly width: number; readonly height: number } {
  if ('videoWidth' in picture) return { width: picture.videoWidth, height: picture.videoHeight };
  if ('naturalWidth' in picture) return { width: picture.naturalWidth, height: picture.naturalHeight };
  if ('displayWidth' in picture) return { width: picture.displayWidth, height: picture.displayHeight };
  return picture;
}
