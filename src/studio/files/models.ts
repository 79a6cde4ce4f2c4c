import { ThawError } from '../../errors.ts';
import type { OwnModel } from '../state/types.ts';

async function parsed(files: readonly File[], name: string): Promise<unknown> {
  const file = files.find((one) => one.name === name);
  if (!file) return undefined;
  try {
    return JSON.parse(await file.text());
  } catch (cause) {
    throw new ThawError('bad-model', `${name} is no JSON`, 'Leave it out, or get the model’s files again', { cause });
  }
}

/**
 * The model among files: one `.onnx`, with `preprocessor_config.json` and `config.json` if they are there. Of several, a
 * `model.onnx` is taken, which is how transformers.js names the unquantized one.
 *
 * @throws ThawError `bad-model`
 */
export async function readOwnModel(files: readonly File[]): Promise<OwnModel> {
  const models = files.filter(({ name }) => name.toLowerCase().endsWith('.onnx'));
  const file = models.length === 1 ? models[0] : models.find(({ name }) => name === 'model.onnx');
  if (!file) {
    const found = models.length ? `there are ${models.length} models` : 'there is no .onnx file';
    throw new ThawError('bad-model', found, 'Choose one .onnx file, with its preprocessor_config.json if it has one');
  }
  return {
    name: file.name,
    model: file,
    preprocessorConfig: await parsed(files, 'preprocessor_config.json'),
    config: await parsed(files, 'config.json'),
  };
}

/**
 * The same model with JSON files that were chosen later: they may lie in another folder than it does.
 *
 * @throws ThawError `bad-model`
 */
export async function withConfiguration(own: OwnModel, files: readonly File[]): Promise<OwnModel> {
  const preprocessorConfig = (await parsed(files, 'preprocessor_config.json')) ?? own.preprocessorConfig;
  return { ...own, preprocessorConfig, config: (await parsed(files, 'config.json')) ?? own.config };
}
