import { mergeAdapters } from '../compiler/surgery/index.ts';
import { type AdapterSet, exportModel } from '../export/index.ts';
import type { Model, Tensor } from '../onnx/index.ts';
import type { TrainingConfig } from '../training/index.ts';
import { VERSION } from '../version.ts';
import type { Prepared } from './prepare.ts';

/** State with adapters merged into their weights; unchanged if there are none. */
export function mergedState(
  { network }: Pick<Prepared, 'network'>,
  lora: TrainingConfig['lora'],
  state: ReadonlyMap<string, Tensor>,
): ReadonlyMap<string, Tensor> {
  return lora ? mergeAdapters(state, (name) => network.model.graph.initializers.get(name), lora) : state;
}

/**
 * Merges adapters from a file into the weights of their model.
 *
 * @param prepared the model as prepared for their training, with as many classes
 */
export function withAdapters(prepared: Pick<Prepared, 'source' | 'network'>, adapters: AdapterSet): Model {
  const { rank, alpha, task, preprocessing, tensors } = adapters;
  const { initializers } = prepared.network.model.graph;
  const state = mergeAdapters(tensors, (name) => initializers.get(name), { rank, alpha });
  return exportModel(prepared.source, state, { version: VERSION, task, preprocessing });
}
