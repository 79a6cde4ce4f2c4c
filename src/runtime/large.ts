/** Models with too many weights to encode in one message. */
import { sha256 } from '../digest.ts';
import {
  byteLengthOf,
  bytesOf,
  encodeExternally,
  type Model,
  type Tensor,
  weightBytes,
  writeModel,
} from '../onnx/index.ts';
import type { Runtime, Session, SessionOptions } from './session.ts';

/** Maximum bytes of weights for encoding the whole model, well below the 2 GiB limit of a message. */
export const ENCODED = 2 ** 30;

/** Bytes of a model file, from which its large tensors stay on disk until they are needed. */
export const ON_DISK = 2 ** 28;

/** A model to load later, held in the smaller of two forms. */
export type Loadable = Uint8Array | Model;

/** @param most maximum bytes of weights to encode with the model */
export const loadable = (model: Model, most: number = ENCODED): Loadable =>
  weightBytes(model.graph.initializers) > most ? model : writeModel(model);

/** Loads a model; if the runtime supports it, without encoding its weights. */
export const loadSession = (runtime: Runtime, model: Loadable, options?: SessionOptions): Promise<Session> => {
  if (model instanceof Uint8Array) return runtime.load(model, options);
  return runtime.loadLarge?.(model, options) ?? runtime.load(writeModel(model), options);
};

/** Weights above this size have their own digest. */
const APART = 2 ** 20;

/** SHA-256 of the model and all its weights. Only one weight is in memory at a time. */
export async function digestOf(model: Loadable): Promise<string> {
  if (model instanceof Uint8Array) return sha256(model);
  const digests = new Map<Tensor, string>();
  for (const tensor of model.graph.initializers.values()) {
    if (byteLengthOf(tensor) >= APART) digests.set(tensor, await sha256(bytesOf(tensor)));
  }
  const located = (tensor: Tensor) => {
    const digest = digests.get(tensor);
    return digest === undefined ? undefined : { location: digest, offset: 0 };
  };
  return sha256(encodeExternally(model, located));
}
