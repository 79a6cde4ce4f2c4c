/** The compiler in a page or a worker: loss, gradients and optimizer of a model as ordinary ONNX graphs, in memory. */
import { sha256 } from '../digest.ts';
import { ThawError } from '../errors.ts';
import { readModel } from '../onnx/index.ts';
import { webRuntime } from '../runtime/web/sessions.ts';
import { type Compiled, type CompileHostOptions, compileModel } from '../session/index.ts';
import { bytesOfModel } from './page-inputs.ts';

export type { Manifest } from '../compiler/step/index.ts';
export type { Selection } from '../compiler/surgery/index.ts';
export type { Tensor } from '../onnx/index.ts';
export type { Compiled, CompileHostOptions as CompileOptions } from '../session/index.ts';
export { ThawError };

/**
 * Compiles loss, gradients and optimizer of a model into ordinary ONNX graphs, which any stock ONNX Runtime runs. The model runs on tiny
 * inputs in WebAssembly meanwhile, so a worker is the better place for large models.
 *
 * @param model the contents of an ONNX file without external data, or its address
 * @throws ThawError `unsupported-operator` if a gradient would have to pass an operator without a rule; `bad-model`, `bad-config`
 */
export async function compile(
  model: Uint8Array | string,
  { assets, device, ...options }: CompileHostOptions = {},
): Promise<Compiled> {
  if (device !== undefined && device !== 'wasm' && device !== 'cpu')
    throw new ThawError('device', `a page compiles on wasm, not on ${device}`, 'Leave out device');
  const bytes = await bytesOfModel(model);
  const source = { model: readModel(bytes), sha256: await sha256(bytes) };
  return compileModel(source, options, webRuntime({ device: 'wasm', assets }));
}
