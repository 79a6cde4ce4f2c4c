/** What the command that serves the page says of itself: `thaw studio`. */
import { type DownloadOptions, download } from './files/download.ts';
import type { ServedModel } from './state/host.ts';
import type { OwnModel } from './state/types.ts';

/** `served.json`; empty if a plain host serves the page. */
interface Served {
  /** Of `--model`. */
  readonly model?: ModelOffer;
  /** Addresses for other devices, by `--host`. */
  readonly network?: readonly string[];
}

interface ModelOffer extends Omit<OwnModel, 'model'> {
  readonly size: number;
  readonly sha256: string;
}

export interface Command {
  readonly model: ServedModel | undefined;
  /** The likeliest to work first. */
  readonly network: readonly string[];
}

export async function findCommand(): Promise<Command> {
  // Without a network, the page comes from the service worker, and the command is gone.
  const served = await fetch('served.json')
    .then((response) => response.json() as Promise<Served>)
    .catch((): Served => ({}));
  return { model: served.model && modelOf(served.model), network: served.network ?? [] };
}

function modelOf({ size, sha256, ...around }: ModelOffer): ServedModel {
  return {
    name: around.name,
    async load(options: DownloadOptions): Promise<OwnModel> {
      const url = new URL('served-model.onnx', document.baseURI).href;
      const bytes = await download({ url, size, sha256 }, options);
      return { ...around, model: new Blob([bytes as Uint8Array<ArrayBuffer>]) };
    },
  };
}
