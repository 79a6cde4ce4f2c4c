import { ThawError } from '../errors.ts';
import type { ModelRequest } from './protocol.ts';

/** The files of a model's folder: path within it and contents. As `finish()` gives them. */
export type FolderFiles = Iterable<readonly [path: string, contents: Uint8Array | string]>;

/** The files next to a model, by their fields in a request. */
export const FILES_AROUND = {
  preprocessorConfig: 'preprocessor_config.json',
  config: 'config.json',
  tokenizer: 'tokenizer.json',
  tokenizerConfig: 'tokenizer_config.json',
} as const satisfies Partial<Record<keyof ModelRequest, string>>;

const MODEL = 'onnx/model.onnx';

/**
 * A request with the model in the files of a folder. Fields of the request win over its files.
 *
 * @throws ThawError `bad-model` if there is no model, or a JSON file is damaged
 */
export function withFolder<R extends Omit<ModelRequest, 'model'>>(request: R, folder: FolderFiles) {
  if (!folder) throw new ThawError('bad-model', 'there is no model', 'Give the bytes of an .onnx file');
  const files = new Map(folder);
  const model = files.get(MODEL);
  if (!(model instanceof Uint8Array))
    throw new ThawError('bad-model', `the files have no ${MODEL}`, 'Give the files that finish() gave');
  const around = Object.entries(FILES_AROUND).flatMap(([field, name]) => {
    const contents = files.get(name);
    return contents === undefined ? [] : [[field, parsed(name, contents)]];
  });
  return { ...Object.fromEntries(around), ...request, model };
}

function parsed(name: string, contents: Uint8Array | string): unknown {
  try {
    return JSON.parse(typeof contents === 'string' ? contents : new TextDecoder().decode(contents));
  } catch (cause) {
    throw new ThawError('bad-model', `${name} is not JSON`, 'Give the files that finish() gave', { cause });
  }
}
