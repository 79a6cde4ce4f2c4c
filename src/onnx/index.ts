export {
  type AttributeLike,
  float,
  floats,
  plainAttributes,
  toAttributes,
} from './attributes.ts';
export { GraphBuilder, type Operand } from './builder.ts';
export {
  arrayFrom,
  arrayOf,
  bytesOf,
  elementCount,
  entryCount,
  isFloat,
  numbersOf,
  tensor,
  tensorFromBytes,
} from './data-types.ts';
export {
  type ByteRange,
  byteLengthOf,
  changedFloats,
  deferredTensor,
  type FilePlace,
  piecesOf,
  placeOf,
  weightBytes,
} from './deferred.ts';
export { ELEMENTWISE } from './elementwise.ts';
export { asStatic, staticSize, type Typed, type Value } from './emitter.ts';
export {
  ExternalData,
  encodeExternally,
  type ModelWithExternalData,
  writeModelWithExternalData,
} from './external-data.ts';
export { isGenerated } from './generated-names.ts';
export { halfOf, isHalf, MAX_HALF, narrowed, numberOfHalf, widened } from './half.ts';
export { makeNode } from './make-node.ts';
export type { Attribute, Graph, Model, Node, ValueInfo } from './model.ts';
export { dataInputsOf, freshName, labelOf, ownNames, renamed, renameValues, valueNames } from './names.ts';
export { inOrder, liveNodes, pruned } from './order.ts';
export {
  dequantized,
  isDequantize,
  isQuantize,
  type Quantization,
  quantized,
  quantizedWeights,
  roundsValues,
} from './quantization.ts';
export { type ReadExternal, readModel } from './read.ts';
export { interpolation, type Resampling, resample, resamplings } from './resampling.ts';
export { Rewriter } from './rewriter.ts';
export {
  broadcast,
  type Dimension,
  divide,
  elementsIn,
  isStatic,
  product,
  type Shape,
  sameShape,
  sizeOf,
  symbolsOf,
} from './shape.ts';
export { axis } from './shape-builder.ts';
export { convolvedShape, explicitPads, pooledShape, type SpatialAttributes } from './spatial.ts';
export {
  capturedBy,
  capturedIn,
  innerNames,
  readersIn,
  readsOf,
  subgraph,
  subgraphs,
  withSubgraphs,
} from './subgraphs.ts';
export type { DataType, Tensor, TensorData } from './tensor.ts';
export { constantOf, GraphView, MOST_COPIES } from './view.ts';
export { fitsOneFile, type ModelParts, modelParts, writeModel } from './write.ts';
