/** The channels and messages between the page, its preload script, the main process and the utility process. */
import type { ModelRequest, RemoteError } from '../worker/index.ts';

/** The name of the preload script's functions in the page. */
export const BRIDGE = 'thawElectron';

export const CHANNELS = {
  start: 'thaw:start',
  ports: 'thaw:ports',
  pickImages: 'thaw:pick-images',
  pickTexts: 'thaw:pick-texts',
  pickModel: 'thaw:pick-model',
  saveModel: 'thaw:save-model',
} as const;

/** Electron keeps only the message of an error that a handler throws; hints and codes come as data. */
export type Reply<T> = { readonly result: T } | { readonly error: RemoteError };

/** What a dialog lets the user pick. */
export interface PickOptions {
  /** Asks for folders, and takes the files in them and in their subfolders. */
  readonly folders?: boolean;
}

interface PickedFile {
  readonly name: string;
  /** Name of the folder that holds it: its class, in a folder of classes. */
  readonly folder: string;
}

/** An image that the user picked. */
export interface PickedImage extends PickedFile {
  /** An image for `open` or `predict`, which accept this path because it was picked. */
  readonly path: string;
}

/** A text file that the user picked. */
export interface PickedText extends PickedFile {
  /** The contents of a `.txt` file. */
  readonly text: string;
}

/** A model with the files next to it, as `open` takes them. */
export interface PickedModel extends ModelRequest {
  readonly name: string;
}

/** Path within the model's folder, with `/`, and contents. */
export type ModelFiles = readonly (readonly [path: string, contents: Uint8Array])[];

/** The preload script's functions, which `thaw/electron/client` calls. */
export interface Bridge {
  /** Starts a utility process. Its two ports come as a message of the window, `{ type: 'thaw:ports', id }`. */
  start(id: number): Promise<Reply<void>>;
  pickImages(options?: PickOptions): Promise<Reply<readonly PickedImage[]>>;
  pickTexts(options?: PickOptions): Promise<Reply<readonly PickedText[]>>;
  pickModel(): Promise<Reply<PickedModel | undefined>>;
  saveModel(files: ModelFiles): Promise<Reply<string | undefined>>;
}

/** The main process to the utility process; `serve` brings the port of the page. */
export type ToHost =
  | { readonly serve: { readonly projects: string; readonly allowed: readonly string[] } }
  | { readonly allow: readonly string[]; readonly id: number };

/** The utility process to the main process: that paths are allowed now; the error that it dies of. */
export type FromHost = { readonly allowed: number } | { readonly failed: string };
