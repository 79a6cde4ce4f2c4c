/** Which float initializers are constants of the arithmetic, and not parameters. */
import { elementCount, isGenerated, type Node, type Tensor } from '../../onnx/index.ts';
import { isBinary, recognize, repeated } from './recognized.ts';

const ARITHMETIC = new Set(['Add', 'Sub', 'Mul', 'Div']);
/** The last part of the name of a number that is no parameter. */
const BOUND = /(^|[._/:])(eps|epsilon|(\w+_)?(min|max)|lower|upper|lower_bound|upper_bound|pad_value)(_*\d+)?(:\d+)?$/i;
/** The name of a `Constant` node's result: what a module's own code writes, while parameters are initializers. */
const CONSTANT_NODE = /(^|\/)Constant(_\d+)?(_output_\d+)?$/;
const NORMALIZER = /(^|[._/])(\w+_)?(mean|means|std|stds|stdev|deviation|deviations|variance|var)(:\d+)?$/i;
const STATISTIC = /(^|[._/])running_(mean|var)$/;
const MASK = /mask|causal|tril/i;
/** Channels of an image. */
const CHANNELS = 4;

/** How a graph first uses an initializer. */
export interface FirstUse {
  readonly name: string;
  readonly tensor: Tensor;
  /** The node in which it meets the data. */
  readonly node: Node;
  /** It is an operand that a layer is made of there: a convolution's filters, a normalization's scale. */
  readonly isLayers: boolean;
  /** The data is an input of the model, which no parameter has touched. */
  readonly isRaw: boolean;
}

/**
 * Why an initializer from which the loss can be reached is a constant all the same; undefined for parameters. In doubt it is a parameter.
 *
 * - A single number is a constant if an exporter made up its name, or its name says that it is a bound or an epsilon. Parameters keep
 *   the path of their module (`logit_scale`, `gem.p`). A layer's own operand is a parameter in any case.
 * - So is what normalizes the model's input: a single number, or by its name (`mean`, `std`), or 4 numbers at most under a made-up name.
 * - So are running statistics by name, one number that is repeated under a made-up name, and zeros and ones that are called a mask.
 * - So are the contents that `recognize` lists, and what has no elements, which some kernels take for an absent operand.
 */
export function constantReason({ name, tensor, node, isLayers, isRaw }: FirstUse): string | undefined {
  const count = elementCount(tensor.shape);
  if (count === 0) return 'it has no elements';
  const content = recognize(tensor, isLayers && node.op !== 'Gather');
  if (content) return content;
  // Ones and zeros in place of a normalization's scale and offset, which the module does not have.
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
