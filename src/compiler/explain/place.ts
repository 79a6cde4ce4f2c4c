import { type GraphBuilder, innerNames, makeNode, type Value } from '../../onnx/index.ts';
import { decompose } from '../autodiff/index.ts';
import { placeConstants, placeCubicResize, withoutTrainingDropout } from '../kernels/index.ts';
import type { Inference } from '../shapes/index.ts';

/** Fused attention, whose probabilities are a value only after it is written out. */
const FUSED = new Set(['Attention', 'MultiHeadAttention', 'GroupQueryAttention']);

/**
 * Places a network in the builder as it predicts. Fused attention is written out as products and a softmax.
 *
 * @returns the data inputs
 */
export function placeNetwork(b: GraphBuilder, { model, values, constants }: Inference): Value[] {
  const contents = (name: string) => constants.get(name) ?? model.graph.initializers.get(name);
  const graph = withoutTrainingDropout(model.graph, contents);
  b.reserve([...values.keys(), ...graph.nodes.flatMap(({ name, outputs }) => [name, ...outputs])]);
  for (const [name, tensor] of graph.initializers) b.initializer(name, tensor);
  const inputs = graph.inputs.map(({ name }) => b.input(name, values.get(name)!.type, values.get(name)!.shape));
  for (const node of graph.nodes) {
    if (placeConstants(b, node, constants)) continue;
    for (const name of [...node.outputs, ...innerNames(node)]) {
      const typed = values.get(name);
      if (name && typed) b.declare({ name, ...typed });
    }
    const parts = FUSED.has(node.op) ? decompose(b, node, constants) : undefined;
    if (parts) {
      node.outputs.forEach((name, i) => {
        if (name && parts[i])
          b.append(makeNode('Identity', [parts[i].name], [name], {}, { name: `${node.name}/${name}` }));
      });
    } else if (!placeCubicResize(b, node, constants)) b.append(node);
  }
  return inputs;
}
