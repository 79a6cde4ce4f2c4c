/** Decides which float initializers are arithmetic constants instead of parameters. */
import { elementCount, isGenerated, type Node, type Tensor } from '../../onnx/index.ts';
import { isBinary, recognize, repeated } from './recognized.ts';

const ARITHMETIC = new Set(['Add', 'Sub', 'Mul', 'Div']);
/** The last part of the name of a number that is not a parameter. */
const BOUND = /(^|[._/:])(eps|epsilon|(\w+_)?(min|max)|lower|upper|lower_bound|upper_bound|pad_value)(_*\d+)?(:\d+)?$/i;
/** The name of a `Constant` node's result: modules write constants in their code, and hold parameters as initializers. */
const CONSTANT_NODE = /(^|\/)Constant(_\d+)?(_output_\d+)?$/;
const NORMALIZER = /(^|[._/])(\w+_)?(mean|means|std|stds|stdev|deviation|deviations|variance|var)(:\d+)?$/i;
const STATISTIC = /(^|[._/])running_(mean|var)$/;
const MASK = /mask|causal|tril/i;
/** Channels of an image. */
const CHANNELS = 4;

/** The first use of an initializer in a graph. */
export interface FirstUse {
  readonly name: string;
  readonly tensor: Tensor;
  /** The node in which it meets the data. */
  readonly node: Node;
  /** The node is a layer, and this is one of its operands: a convolution's filters, a normalization's scale. */
  readonly isLayers: boolean;
  /** The data is an input of the model, before any parameter. */
  readonly isRaw: boolean;
}

/**
 * The reason why an initializer on a gradient path to the loss is a constant; undefined for parameters. In doubt it is a parameter.
 *
 * - A single number is a constant if an exporter made up its name, or if it is named as a bound or an epsilon. Parameters keep
 *   the path of their module (`logit_scale`, `gem.p`). A layer's own operand is always a parameter.
 * - Normalization of the model's input is constant: a single number, a name such as `mean` or `std`, or at most 4 numbers with a made-up
 *   name.
 * - Constants are also running statistics by name, one number repeated under a made-up name, and zeros and ones whose name is a mask's.
 * - So are the contents that `recognize` lists, and tensors without elements, which some kernels accept as an absent operand.
 */
export function constantReason({ name, tensor, node, isLayers, isRaw }: FirstUse): string | undefined {
  const count = elementCount(tensor.shape);
  if (count === 0) return 'it has no elements';
  const content = recognize(tensor, isLayers && node.op !== 'Gather');
  if (content) return content;
  // Ones and zeros replace the scale and offset of a normalization whose module has none.
  if (isLayers) return CONSTANT_NODE.test(name) && repeated(tensor) !== undefined ? 'one number, repeated' : undefined;
  const isNameless = isGenerated(name);
  if (count === 1 && (isNameless || BOUND.test(name))) return 'a single number';
  if (STATISTIC.test(name)) return 'a running statistic';
  const isNormalizer = count === 1 || NORMALIZER.test(name) || (isNameless && count <= CHANNELS);
  if (isRaw && ARITHMETIC.has(node.op) && isNormalizer) return "it normalizes the model's input";
  if (isNameless && repeated(tensor) !== undefined) return 'one number, repeated';
  if ((isNameless || MASK.test(name)) && isBinary(tensor)) return 'a mask';
  return undefined;
}
