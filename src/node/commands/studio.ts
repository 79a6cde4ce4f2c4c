import { readFile, stat } from 'node:fs/promises';
import { sha256 } from '../../digest.ts';
import { ThawError } from '../../errors.ts';
import { type Model, readModel, writeModel } from '../../onnx/index.ts';
import { webRuntimeFolder } from '../../runtime/node/web-files.ts';
import { takesTexts } from '../../session/index.ts';
import { ONNXRUNTIME } from '../../version.ts';
import { readModelFile } from '../models/files.ts';
import { packageFile } from '../package-files.ts';
import type { JobHooks } from './events.ts';
import { fetchModel } from './fetch-model.ts';
import { type Additions, type Serving, serve } from './serving.ts';

/** Output folder of the page in `npm run build`. */
const STUDIO = packageFile('dist/studio');

export interface StudioOptions {
  /** 0 for any free port. */
  readonly port: number;
  /** A model to start from, as `thaw train` takes it. The page gets it from this server. */
  readonly model?: string;
}

/**
 * Serves the studio to this machine: the page of this package, and ONNX Runtime's files from the installed onnxruntime-web.
 *
 * @throws ThawError if the port is in use, a package is missing, or the model cannot be used
 */
export async function serveStudio({ port, model }: StudioOptions, hooks: JobHooks = {}): Promise<Serving> {
  if (!Number.isInteger(port) || port < 0 || port > 65535) {
    throw new ThawError('bad-config', `${port} is not a port`, 'Give a whole number from 0 to 65535');
  }
  // The page contains JavaScript of this version, which needs the WebAssembly of the same version.
  const folders = { [`ort-${ONNXRUNTIME}`]: await webRuntimeFolder() };
  const files = model === undefined ? undefined : await servedModel(model, hooks);
  try {
    return await serve(STUDIO, port, { folders, files });
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw cause;
    throw new ThawError('bad-config', `port ${port} is in use`, 'Choose another port with --port', { cause });
  }
}

/** The files by which the page finds a model: src/studio/served.ts. */
export async function servedModel(spec: string, hooks: JobHooks): Promise<NonNullable<Additions['files']>> {
  const { name, source, path, preprocessing, config, sha256: digest } = await fetchModel(spec, hooks);
  const model = await readModelFile(path);
  if (takesTexts(model)) {
    const hint = `Fine-tune it with thaw train ${spec} TABLE.csv`;
    throw new ThawError('bad-model', `${name} reads texts, but the studio makes image classifiers`, hint);
  }
  const whole = (await hasExternalData(path)) ? writeModel(model) : path;
  const about = {
    ...{ name, source, preprocessorConfig: preprocessing, config },
    size: typeof whole === 'string' ? (await stat(whole)).size : whole.length,
    sha256: typeof whole === 'string' ? await digest() : await sha256(whole),
  };
  return { 'served-model.json': new TextEncoder().encode(JSON.stringify(about)), 'served-model.onnx': whole };
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
