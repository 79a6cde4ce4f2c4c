/**
 * Compresses models: weights are stored with fewer bits, and standard operators convert them to float32 at the start of the graph. ONNX
 * Runtime runs these once, when it loads the model. So only the file shrinks; speed and memory stay the same.
 */
import {
  constantOf,
  freshName,
  type Graph,
  halfOf,
  MAX_HALF,
  type Model,
  makeNode,
  type Node,
  type Tensor,
  tensor,
  valueNames,
} from '../onnx/index.ts';

/** `fp16`: half precision. `int8`: 255 steps between -max and max, with one scale per output channel. */
export type CompressedForm = 'fp16' | 'int8';

/** Minimum number of elements. Smaller tensors, and those with one axis (biases, normalization), are sensitive and take little space. */
const SMALLEST = 256;

/**
 * Minimum number of weights per channel. Depthwise convolutions have fewer, so their errors rarely cancel out. Keeping them in float32
 * costs a few percent of the size, and removes a quarter of EfficientNet-Lite0's error.
 */
const FEWEST_A_CHANNEL = 32;

/** The model with compressed float32 weights. Its outputs differ slightly; `verifyExport` measures by how much. */
export function compressWeights(model: Model, form: CompressedForm): Model {
  const { graph } = model;
  const taken = valueNames(graph);
  const initializers = new Map<string, Tensor>();
  const expanding: Node[] = [];
  const compress = (name: string, weight: Tensor): boolean => {
    if (!isCompressible(weight)) return false;
    const parts = form === 'fp16' ? half(weight) : eightBits(weight, channelAxis(graph, name, weight.shape.length));
    if (!parts) return false;
    const stored = freshName(`${name}.${form}`, taken);
    initializers.set(stored, parts.stored);
    const node = (op: string, inputs: string[], output: string, attributes = {}): void => {
      expanding.push(makeNode(op, inputs, [output], attributes, { name: `${output}/${op}` }));
    };
    if (!parts.scale) node('Cast', [stored], name, { to: 1 });
    else {
      const scale = freshName(`${name}.scale`, taken);
      const steps = freshName(`${name}.steps`, taken);
      initializers.set(scale, parts.scale);
      node('Cast', [stored], steps, { to: 1 });
      node('Mul', [steps, scale], name);
    }
    return true;
  };
  for (const [name, value] of graph.initializers) if (!compress(name, value)) initializers.set(name, value);
  const nodes = graph.nodes.filter((node) => {
    const value = constantOf(node);
    return !value || !compress(node.outputs[0], value);
  });
  const isStored = (name: string) => initializers.has(name) || !graph.initializers.has(name);
  return {
    ...model,
    // Since IR version 4, an initializer need not be an input.
    irVersion: Math.max(4, model.irVersion),
    graph: {
      ...graph,
      nodes: [...expanding, ...nodes],
      inputs: graph.inputs.filter(({ name }) => isStored(name)),
      initializers,
    },
  };
}

const isCompressible = ({ type, shape, data }: Tensor): boolean =>
  type === 'float32' && shape.length >= 2 && data.length >= SMALLEST;

interface Compressed {
  readonly stored: Tensor;
  readonly scale?: Tensor;
}

/** Undefined if a weight is too large for half precision. */
function half({ shape, data }: Tensor): Compressed | undefined {
  const weights = data as Float32Array;
  if (!weights.every((w) => Math.abs(w) <= MAX_HALF)) return undefined;
  return { stored: tensor('float16', shape, Uint16Array.from(weights, halfOf)) };
}

/** w ≈ q·s with s = max|w|/127 over a channel and q = round(w/s). Undefined if a weight is not finite. */
function eightBits({ shape, data }: Tensor, axis: number): Compressed | undefined {
  const weights = data as Float32Array;
  if (!weights.every(Number.isFinite)) return undefined;
  const channels = shape[axis];
  if (weights.length / channels < FEWEST_A_CHANNEL) return undefined;
  const inner = shape.slice(axis + 1).reduce((all, d) => all * d, 1);
  const channelOf = (i: number) => Math.floor(i / inner) % channels;
  const scales = new Float32Array(channels);
  weights.forEach((w, i) => {
    const c = channelOf(i);
    scales[c] = Math.max(scales[c], Math.abs(w) / 127);
  });
  // A channel of zeros, or of numbers too small to divide by 127.
  for (let c = 0; c < channels; c++) if (scales[c] === 0) scales[c] = 1;
  const stored = Int8Array.from(weights, (w, i) => Math.max(-127, Math.min(127, Math.round(w / scales[channelOf(i)]))));
  return {
    stored: tensor('int8', shape, stored),
    scale: tensor(
      'float32',
      shape.map((d, i) => (i === axis ? d : 1)),
      scales,
    ),
  };
}

/** The output channel axis of a weight, by the operator that uses it. */
function channelAxis({ nodes }: Graph, name: string, rank: number): number {
  const user = nodes.find(({ inputs }) => inputs[1] === name);
  if (user?.op === 'MatMul') return rank - 1;
  if (user?.op === 'ConvTranspose') return 1;
  return user?.op === 'Gemm' && !user.attributes.transB?.value ? 1 : 0;
}
