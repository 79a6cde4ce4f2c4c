import { prune } from '../compiler/kernels/index.ts';
import { ThawError } from '../errors.ts';
import type { Model } from '../onnx/index.ts';

/**
 * The model with only the named output and the nodes that compute it; unchanged if none is named.
 *
 * @throws ThawError `bad-config` listing the outputs that there are
 */
export function withOutput(model: Model, name: string | undefined): Model {
  if (name === undefined) return model;
  const chosen = model.graph.outputs.filter((output) => output.name === name);
  if (!chosen.length) {
    const names = model.graph.outputs.map((output) => output.name);
    throw new ThawError('bad-config', `the model has no output "${name}"`, `Its outputs are ${names.join(', ')}`);
  }
  const graph = { ...model.graph, outputs: chosen, initializers: new Map(model.graph.initializers) };
  prune(graph, [name]);
  return { ...model, graph };
}
