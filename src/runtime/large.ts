/** Models whose weights are too many to be encoded with them. */
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

/** Bytes of weights up to which a model is encoded as a whole, well below the 2 GiB that a message can have. */
const ENCODED = 2 ** 30;

/** A model to be loaded later, of which no more is held than is needed. */
export type Loadable = Uint8Array | Model;

/** @param most bytes of weights that are encoded with the model */
export const loadable = (model: Model, most: number = ENCODED): Loadable =>
  weightBytes(model.graph.initializers) > most ? model : writeModel(model);

/** Loads a model without encoding its weights if the runtime can, or else encoded. */
export const loadSession = (runtime: Runtime, model: Loadable, options?: SessionOptions): Promise<Session> => {
  if (model instanceof Uint8Array) return runtime.load(model, options);
  return runtime.loadLarge?.(model, options) ?? runtime.load(writeModel(model), options);
};

/** Weights of more bytes have a digest of their own. */
const APART = 2 ** 20;

/** SHA-256 of the model and all its weights. One weight is in memory at a time. */
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
