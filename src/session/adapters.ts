import { mergeAdapters } from '../compiler/surgery/index.ts';
import { type AdapterSet, exportModel } from '../export/index.ts';
import type { Model, Tensor } from '../onnx/index.ts';
import type { TrainingConfig } from '../training/index.ts';
import { VERSION } from '../version.ts';
import type { Prepared } from './prepare.ts';

/** State with adapters merged into their weights; as it is where there are none. */
export function mergedState(
  { network }: Pick<Prepared, 'network'>,
  lora: TrainingConfig['lora'],
  state: ReadonlyMap<string, Tensor>,
): ReadonlyMap<string, Tensor> {
  return lora ? mergeAdapters(state, (name) => network.model.graph.initializers.get(name), lora) : state;
}

/**
 * A model with adapters that were kept beside it worked into its weights.
 *
 * @param prepared the model as it was prepared for their training, its head of as many classes
 */
export function withAdapters(prepared: Pick<Prepared, 'source' | 'network'>, adapters: AdapterSet): Model {
  const { rank, alpha, task, preprocessing, tensors } = adapters;
  const { initializers } = prepared.network.model.graph;
  const state = mergeAdapters(tensors, (name) => initializers.get(name), { rank, alpha });
  return exportModel(prepared.source, state, { version: VERSION, task, preprocessing });
}
