/** What the page, its preload script, the main process and the utility process call one another, and what they say. */
import type { RemoteError } from '../worker/index.ts';

/** Under this name the page finds what the preload script gives it. */
export const BRIDGE = 'thawElectron';

export const CHANNELS = {
  start: 'thaw:start',
  ports: 'thaw:ports',
  pickImages: 'thaw:pick-images',
  pickModel: 'thaw:pick-model',
  saveModel: 'thaw:save-model',
} as const;

/** Electron keeps only the message of an error that a handler throws; hints and codes come as data. */
export type Reply<T> = { readonly result: T } | { readonly error: RemoteError };

export interface PickImagesOptions {
  /** Asks for folders, and gives the images in them and in their subfolders, instead of for images. */
  readonly folders?: boolean;
}

export interface PickedImage {
  /** To be given to `open` or `predict`, which take this path because it was picked. */
  readonly path: string;
  readonly name: string;
  /** Name of the folder that holds it: its class, in a folder of classes. */
  readonly folder: string;
}

/** As `open` takes it. */
export interface PickedModel {
  readonly name: string;
  readonly model: Uint8Array;
  readonly preprocessorConfig?: unknown;
  readonly config?: unknown;
}

/** Path within the model's folder, with `/`, and contents. */
export type ModelFiles = readonly (readonly [path: string, contents: Uint8Array])[];

/** What the preload script gives to the page; the page's functions are those of `thaw/electron/client`. */
export interface Bridge {
  /** Starts a utility process. Its two ports come as a message of the window, `{ type: 'thaw:ports', id }`. */
  start(id: number): Promise<Reply<void>>;
  pickImages(options?: PickImagesOptions): Promise<Reply<readonly PickedImage[]>>;
  pickModel(): Promise<Reply<PickedModel | undefined>>;
  saveModel(files: ModelFiles): Promise<Reply<string | undefined>>;
}

/** The main process to the utility process; `serve` brings the port of the page. */
export type ToHost =
  | { readonly serve: { readonly projects: string; readonly allowed: readonly string[] } }
  | { readonly allow: readonly string[]; readonly id: number };

/** The utility process to the main process: that paths are allowed now; the error that it dies of. */
export type FromHost = { readonly allowed: number } | { readonly failed: string };
