import {
  type GraphBuilder,
  interpolation,
  makeNode,
  type Node,
  numbersOf,
  plainAttributes,
  resample,
  resamplings,
  type Tensor,
} from '../../onnx/index.ts';

/**
 * Places a cubic `Resize` as products with matrices, if its sizes are known. ONNX Runtime's optimizer moves transposes past the
 * operator, and then has no kernel for what results; position embeddings that are interpolated meet that, once they are no
 * constants.
 *
 * @returns whether it was placed
 */
export function placeCubicResize(b: GraphBuilder, node: Node, constants: ReadonlyMap<string, Tensor>): boolean {
  const attributes = plainAttributes(node);
  if (node.op !== 'Resize' || node.domain !== '' || attributes.mode !== 'cubic') return false;
  // A constant that is extrapolated with is no product.
  if (attributes.coordinate_transformation_mode === 'tf_crop_and_resize') return false;
  const [x, , scales, sizes] = node.inputs;
  const isStretched = (attributes.keep_aspect_ratio_policy ?? 'stretch') === 'stretch';
  const factors = sizes ? undefined : (constants.get(scales) ?? b.tensorOf(b.value(scales)));
  if (sizes ? !isStretched : !factors) return false;
  const [output] = node.outputs;
  const found = resamplings(b.value(x), b.value(output), attributes, { scales: factors && numbersOf(factors) });
  if (!found) return false;
  const result = found.reduce((y, r) => resample(b, y, r, interpolation(r, attributes), 'forward'), b.value(x));
  b.append(makeNode('Identity', [result.name], [output], {}, { name: node.name }));
  return true;
}
