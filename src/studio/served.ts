/** The model of `thaw studio --model`, which the command serves with the page. */
import { type DownloadOptions, download } from './files/download.ts';
import type { ServedModel } from './state/host.ts';
import type { OwnModel } from './state/types.ts';

/** `served-model.json`; null if there is none. */
export interface Served extends Omit<OwnModel, 'model'> {
  readonly size: number;
  readonly sha256: string;
}

export async function findServed(): Promise<ServedModel | undefined> {
  // Without a network, the page comes from the service worker, and the command is gone.
  const served = await fetch('served-model.json')
    .then((response) => response.json() as Promise<Served | null>)
    .catch(() => null);
  if (!served) return undefined;
  const { size, sha256, ...around } = served;
  return {
    name: served.name,
    async load(options: DownloadOptions): Promise<OwnModel> {
      const url = new URL('served-model.onnx', document.baseURI).href;
      const bytes = await download({ url, size, sha256 }, options);
      return { ...around, model: new Blob([bytes as Uint8Array<ArrayBuffer>]) };
    },
  };
}
