/** Models of the Hugging Face hub. */
import { HUB } from '../../content-security.ts';
import { sha1 } from '../../digest.ts';
import { ThawError } from '../../errors.ts';
import type { OwnModel } from '../state/types.ts';
import { type DownloadOptions, download, request, WITHOUT_NETWORK } from './download.ts';

/** A file in the hub's listing. A large file has its SHA-256 in `lfs`; `oid` is the SHA-1 of git for the others. */
interface Listed {
  readonly path: string;
  readonly size: number;
  readonly oid: string;
  readonly lfs?: { readonly oid: string; readonly size: number };
}

const MODEL = 'onnx/model.onnx';
/** Bytes of a JSON file next to a model. */
const LARGEST_JSON = 4e6;

/**
 * Downloads a model with its JSON files, and compares each with the hub's checksum.
 *
 * @param repository `owner/name`
 * @throws ThawError `network` if the hub cannot be reached, or a file is another than the hub announced
 */
export async function fetchHubModel(repository: string, options: DownloadOptions): Promise<OwnModel> {
  const listing = await request(`${HUB}/api/models/${repository}/tree/main?recursive=true`, options.signal);
  const files = (await listing.json()) as readonly Listed[];
  const at = (path: string) => files.find((file) => file.path === path);
  const addressOf = (path: string) => `${HUB}/${repository}/resolve/main/${path}`;
  const json = async (path: string): Promise<unknown> => {
    const file = at(path);
    if (!file) return undefined;
    const bytes = await (await request(addressOf(path), options.signal)).arrayBuffer();
    if (bytes.byteLength > LARGEST_JSON || (await gitHash(bytes)) !== file.oid) throw changed(path);
    return JSON.parse(new TextDecoder().decode(bytes));
  };
  const { lfs } = at(MODEL) ?? {};
  if (!lfs) throw new ThawError('network', `the hub gives no checksum of ${repository}`, WITHOUT_NETWORK);
  const preprocessorConfig = await json('preprocessor_config.json');
  const config = await json('config.json');
  const bytes = await download({ url: addressOf(MODEL), size: lfs.size, sha256: lfs.oid }, options);
  return {
    name: repository.slice(repository.indexOf('/') + 1),
    source: `hf:${repository}`,
    model: new Blob([bytes as Uint8Array<ArrayBuffer>]),
    preprocessorConfig,
    config,
  };
}

const changed = (path: string) =>
  new ThawError('network', `${path} from the hub has another checksum than announced`, WITHOUT_NETWORK);

/** Git's name for the contents of a file. */
async function gitHash(contents: ArrayBuffer): Promise<string> {
  const blob = new Blob([`blob ${contents.byteLength}\0`, contents]);
  return sha1(await blob.arrayBuffer());
}
