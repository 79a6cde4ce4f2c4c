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
 * Replaces a cubic `Resize` of known sizes by matrix products. ONNX Runtime's optimizer moves transposes past the
 * operator and then has no kernel for the result. This happens to interpolated position embeddings when they are not
 * constant.
 *
 * @returns whether it was replaced
 */
export function placeCubicResize(b: GraphBuilder, node: Node, constants: ReadonlyMap<string, Tensor>): boolean {
  const attributes = plainAttributes(node);
  if (node.op !== 'Resize' || node.domain !== '' || attributes.mode !== 'cubic') return false;
  // Extrapolation with a constant is not a product.
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
