import type { Inference } from '../compiler/shapes/index.ts';
import type { Tensor } from '../onnx/index.ts';

/** The network with the parameters and statistics of a state. */
export function withState(network: Inference, state: ReadonlyMap<string, Tensor>): Inference {
  const { graph } = network.model;
  const initializers = new Map([...graph.initializers].map(([name, tensor]) => [name, state.get(name) ?? tensor]));
  const pretrained = network.pretrained ?? graph.initializers;
  return { ...network, pretrained, model: { ...network.model, graph: { ...graph, initializers } } };
}
