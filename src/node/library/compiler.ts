/**
 * The compiler in Node: a model's loss, gradients and optimizer as ordinary ONNX graphs, in memory.
 *
 * @module thaw/compiler
 */

import { sha256 } from '../../digest.ts';
import { ThawError } from '../../errors.ts';
import { readModel } from '../../onnx/index.ts';
import { type Compiled, type CompileHostOptions, type CompileSource, compileModel } from '../../session/index.ts';
import { openRuntime } from '../commands/environment.ts';
import { fetchModel } from '../commands/fetch-model.ts';
import { readModelFile } from '../models/files.ts';

export type { Manifest } from '../../compiler/step/index.ts';
export type { Selection } from '../../compiler/surgery/index.ts';

export type { Tensor } from '../../onnx/index.ts';
export type { Compiled, CompileHostOptions as CompileOptions } from '../../session/index.ts';
export { ThawError };

/**
 * Compiles a model's loss, gradients and optimizer into ordinary ONNX graphs, which any stock ONNX Runtime can run.
 *
 * @param model a path, an address, `hf:owner/name`, a name from `thaw models`, or the contents of an ONNX file without external data
 * @example
 * ```ts
 * import { compile } from 'thaw/compiler';
 *
 * const { trainingModel, optimizerModel, manifest } = await compile('model.onnx', {
 *   trainable: 'last:2',
 *   loss: 'cross-entropy',
 *   optimizer: { name: 'adamw', weightDecay: 0.05 },
 * });
 * console.log(trainingModel.length, optimizerModel.length, manifest.parameters.trainableCount);
 * ```
 * @throws ThawError `unsupported-operator` if a gradient has to pass an operator without a rule; `bad-model`, `bad-config`
 */
export async function compile(
  model: Uint8Array | string,
  { device, assets, ...options }: CompileHostOptions = {},
): Promise<Compiled> {
  if (assets !== undefined)
    throw new ThawError(
      'bad-config',
      'assets are only for pages; Node finds ONNX Runtime without them',
      'Remove assets',
    );
  const [source, runtime] = await Promise.all([sourceOf(model), openRuntime(device)]);
  return compileModel(source, options, runtime);
}

async function sourceOf(model: Uint8Array | string): Promise<CompileSource> {
  if (typeof model !== 'string') return { model: readModel(model), sha256: await sha256(model) };
  const { path, preprocessing, sha256: digest } = await fetchModel(model, {});
  return { model: await readModelFile(path), sha256: await digest(), preprocessing };
}
