import { readFile, stat } from 'node:fs/promises';
import { createSecureContext } from 'node:tls';
import { sha256 } from '../../digest.ts';
import { requireRequest, ThawError } from '../../errors.ts';
import { type Model, readModel, writeModel } from '../../onnx/index.ts';
import { webRuntimeFolder } from '../../runtime/node/web-files.ts';
import { takesTexts } from '../../session/index.ts';
import { ONNXRUNTIME } from '../../version.ts';
import { readModelFile } from '../models/files.ts';
import { inUrl, isEverywhere, LOCAL_NAMES, newToken, ownAddresses } from '../network.ts';
import { packageFile } from '../package-files.ts';
import type { JobHooks } from './events.ts';
import { fetchModel } from './fetch-model.ts';
import { type NetworkAccess, type ServeOptions, type Serving, serve } from './serving.ts';

/** Output folder of the page in `npm run build`. */
const STUDIO = packageFile('dist/studio');

export interface StudioOptions {
  /** 0 for any free port. */
  readonly port: number;
  /** A model to start from, as `thaw train` takes it. The page gets it from this server. */
  readonly model?: string;
  /**
   * Serves other devices too: the address or name to listen on, or 0.0.0.0 for all networks of this machine. The addresses of the page have a
   * random token. Unless given, only this machine is served.
   */
  readonly host?: string;
  /** PEM files of a certificate and its key, for https. Over http, browsers give the page of another machine no camera. */
  readonly cert?: string;
  readonly key?: string;
}

/**
 * Serves the studio: the page of this package, and ONNX Runtime's files from the installed onnxruntime-web.
 *
 * @throws ThawError if the port is in use, a package is missing, the model or the certificate cannot be used, or this machine has no network
 */
export async function serveStudio(options: StudioOptions, hooks: JobHooks = {}): Promise<Serving> {
  requireRequest(options);
  const { port, model, host } = options;
  if (!Number.isInteger(port) || port < 0 || port > 65535) {
    throw new ThawError('bad-config', `${port} is not a port`, 'Give a whole number from 0 to 65535');
  }
  const network = accessOf(host);
  const tls = await readCertificate(options);
  // The page contains JavaScript of this version, which needs the WebAssembly of the same version.
  const folders = { [`ort-${ONNXRUNTIME}`]: await webRuntimeFolder() };
  const offer = model === undefined ? undefined : await offeredModel(model, hooks);
  const serving: Serving = await serve(STUDIO, port, {
    ...{ folders, network, tls },
    files: filesOf(offer, () => serving.network),
  });
  return serving;
}

/** @throws ThawError if other devices cannot reach this machine */
function accessOf(host: string | undefined): NetworkAccess | undefined {
  if (host === undefined || LOCAL_NAMES.includes(inUrl(host))) return undefined;
  if (isEverywhere(host) && !ownAddresses().length) {
    throw new ThawError('network', 'this machine is on no network', 'Connect it to one, or leave out --host');
  }
  return { host, token: newToken() };
}

/** @throws ThawError if a file is missing, or the two do not belong together */
async function readCertificate({ cert, key }: StudioOptions): Promise<ServeOptions['tls']> {
  if (cert === undefined && key === undefined) return undefined;
  if (cert === undefined || key === undefined) {
    throw new ThawError('bad-config', 'a certificate and its key need each other', 'Give both --cert and --key');
  }
  const tls = { cert: await readPem(cert), key: await readPem(key) };
  try {
    createSecureContext(tls);
  } catch (cause) {
    const message = `${cert} and ${key} are not a certificate and its key: ${(cause as Error).message}`;
    throw new ThawError('bad-config', message, 'Give both as PEM files, the key without a password', { cause });
  }
  return tls;
}

const readPem = (path: string): Promise<Buffer> =>
  readFile(path).catch((cause) => {
    throw new ThawError('not-found', `cannot read ${path} (${cause.code})`, 'Check --cert and --key', { cause });
  });

/** A model for the page. */
export interface OfferedModel {
  readonly about: Readonly<Record<string, unknown>>;
  /** Or its path. */
  readonly contents: Uint8Array | string;
}

/**
 * The files by which the page knows its command: src/studio/served.ts.
 *
 * @param network addresses of the page for other devices
 */
export function filesOf(
  offer: OfferedModel | undefined,
  network: () => readonly string[] = () => [],
): NonNullable<ServeOptions['files']> {
  const about = () => ({ model: offer?.about, network: network() });
  return {
    'served.json': () => new TextEncoder().encode(JSON.stringify(about())),
    ...(offer && { 'served-model.onnx': offer.contents }),
  };
}

/** @throws ThawError if the model cannot be used */
export async function offeredModel(spec: string, hooks: JobHooks): Promise<OfferedModel> {
  const { name, source, path, preprocessing, config, sha256: digest } = await fetchModel(spec, hooks);
  const model = await readModelFile(path);
  if (takesTexts(model)) {
    const hint = `Fine-tune it with thaw train ${spec} TABLE.csv`;
    throw new ThawError('bad-model', `${name} reads texts, but the studio makes image classifiers`, hint);
  }
  const contents = (await hasExternalData(path)) ? writeModel(model) : path;
  const about = {
    ...{ name, source, preprocessorConfig: preprocessing, config },
    size: typeof contents === 'string' ? (await stat(contents)).size : contents.length,
    sha256: typeof contents === 'string' ? await digest() : await sha256(contents),
  };
  return { about, contents };
}

/** Whether weights are in files next to the model. The page takes one file. */
async function hasExternalData(path: string): Promise<boolean> {
  let found = false;
  const noteExternal = (): never => {
    found = true;
    throw new Error('external data');
  };
  await readFile(path)
    .then((bytes): Model => readModel(bytes, noteExternal))
    .catch((error) => {
      if (!found) throw error;
    });
  return found;
}
