/** Maps of a transformer: how much its attention passes from each place on to the score. */
import { ThawError } from '../../errors.ts';
import { type GraphBuilder, type Shape, tensor, type Value } from '../../onnx/index.ts';
import { type AttentionLayer, lastTokens, type Network, type Spatial } from './spatial.ts';

/** A transformer whose attention can be followed from the tokens of the image to those that the head reads. */
export interface Transformer {
  readonly layers: readonly AttentionLayer[];
  /** The last tokens, `[N, T, C]`. */
  readonly last: Spatial;
}

/**
 * The attention layers of a network.
 *
 * @throws ThawError `bad-model` if it has none, or if they do not all mix the same tokens of the whole image
 */
export function transformerOf(network: Network): Transformer {
  const refuse = (why: string): never => {
    throw new ThawError('bad-model', `the attention of this model gives no map: ${why}`, 'Use grad-cam instead');
  };
  const { attention, view } = network;
  if (!attention.length) return refuse('it has no attention layer');
  const inWindows = attention.find(({ probabilities: { shape } }) => shape.length > 3 && shape[0] !== 'batch');
  if (inWindows) return refuse(`it attends within windows of the image, [${inWindows.probabilities.shape.join(', ')}]`);
  const last = lastTokens(network) ?? refuse('it has no tokens that stand for places of the image');
  const tokens = last.value.shape[1];
  const end = view.place(view.producer(last.value.name)!);
  const layers = attention.filter(({ mixed }) => view.place(view.producer(mixed.name)!) < end);
  if (!layers.length) return refuse('none of its attention layers mixes tokens of the image');
  for (const { probabilities } of layers) {
    const { shape } = probabilities;
    if (shape.at(-1) !== tokens || shape.at(-2) !== tokens)
      return refuse(`"${probabilities.name}" is [${shape.join(', ')}], not between all ${tokens} tokens`);
  }
  return { layers, last };
}

/** Values of each head, `[N, heads, T, T]`. */
function byHead(b: GraphBuilder, x: Value): Value {
  const tokens = x.shape.slice(-2);
  const shape: Shape = ['batch', headsOf(x.shape), ...tokens];
  return x.shape.length === 4 ? x : b.reshape(x, shape);
}

function headsOf(shape: Shape): number {
  const heads = shape.length === 3 ? Number(String(shape[0]).replace(/\*?batch$/, '') || 1) : undefined;
  return heads ?? shape.slice(1, -2).reduce<number>((all, d) => all * Number(d), 1);
}

function identity(b: GraphBuilder, tokens: number): Value {
  const data = new Float32Array(tokens * tokens);
  for (let i = 0; i < tokens; i++) data[i * tokens + i] = 1;
  return b.constant(tensor('float32', [1, tokens, tokens], data), 'identity');
}

/** Attention rollout (Abnar and Zuidema, 2020): R = Π (mean of the heads of A + I) / 2. `[N, T, T]` */
export function rollout(b: GraphBuilder, { layers, last }: Transformer): Value {
  const own = identity(b, last.value.shape[1] as number);
  return layers.reduce<Value>((relevance, { probabilities }) => {
    const mean = b.reduceMean(byHead(b, probabilities), [1]);
    return b.matmul(b.mul(b.add(mean, own), 0.5), relevance);
  }, own);
}

/** Gradient-weighted attention (Chefer et al., 2021): R ← R + Ā·R with Ā the mean over the heads of ReLU(∂score/∂A ⊙ A). `[N, T, T]` */
export function weightedAttention(
  b: GraphBuilder,
  { layers, last }: Transformer,
  gradients: ReadonlyMap<string, Value>,
): Value {
  const own = identity(b, last.value.shape[1] as number);
  return layers.reduce<Value>((relevance, { probabilities }) => {
    const gradient = gradients.get(probabilities.name);
    if (!gradient) return relevance;
    const positive = b.unary('Relu', b.mul(byHead(b, gradient), byHead(b, probabilities)));
    return b.add(relevance, b.matmul(b.reduceMean(positive, [1]), relevance));
  }, own);
}

/**
 * The relevance of each place, `[N, height, width]`: the mean over the tokens that the head reads. The others have a gradient of exactly
 * zero.
 *
 * @param gradient ∂score of the last tokens
 */
export function placesOf(b: GraphBuilder, relevance: Value, { value, width, height }: Spatial, gradient: Value): Value {
  const tokens = value.shape[1] as number;
  const isRead = b.cast(b.greater(b.reduce('ReduceMax', b.abs(gradient), [2]), 0), 'float32');
  const share = b.div(isRead, b.max(b.reduceSum(isRead, [1], { keepdims: true }), 1));
  const row = b.squeeze(b.matmul(b.unsqueeze(share, [1]), relevance), [1]);
  return b.reshape(b.slice(row, 1, tokens - width * height, tokens), [row.shape[0], height, width]);
}
