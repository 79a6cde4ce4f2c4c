/**
 * Losses of embeddings `[N, D]` with classes as labels, int64 `[N]`. Within each batch, they pull samples of one class together and push
 * other samples away. Formulas are those of PyTorch Metric Learning, without normalizing the embeddings: an embedding head ends in unit
 * vectors.
 */
import { ThawError } from '../../errors.ts';
import type { GraphBuilder, Value } from '../../onnx/index.ts';
import type { Loss } from './loss.ts';

/** Replaces −∞, because infinity minus infinity would be NaN. */
const LEAST = -1e9;
/** The smallest squared distance: at 0, the derivative of the root is infinite. */
const NEAREST = 1e-9;

const labels: Loss['labels'] = (output) => {
  if (output.shape.length === 2) return { type: 'int64', shape: [output.shape[0]] };
  throw new ThawError(
    'bad-config',
    `the loss takes one vector a sample, [N, D], and the output "${output.name}" is [${output.shape.join(', ')}]`,
    'Use it with --task embedding',
  );
};

/** Masks of the pairs of a sample with itself, with others of its class, and with other classes: bool and float32 `[N, N]`. */
function pairs(b: GraphBuilder, classes: Value) {
  const alike = b.equal(b.unsqueeze(classes, [1]), b.unsqueeze(classes, [0]));
  const itself = b.unary('EyeLike', b.cast(alike, 'float32'));
  const positive = b.sub(b.cast(alike, 'float32'), itself);
  return { isItself: b.greater(itself, 0), positive, isPositive: b.greater(positive, 0), isNegative: b.not(alike) };
}

const dotProducts = (b: GraphBuilder, z: Value): Value => b.matmul(z, b.transpose(z, [1, 0]));

/** ‖zᵢ − zⱼ‖ */
function distances(b: GraphBuilder, z: Value): Value {
  const squares = b.reduceSum(b.square(z), [1], { keepdims: true });
  const squared = b.sub(b.add(squares, b.transpose(squares, [1, 0])), b.mul(dotProducts(b, z), 2));
  return b.sqrt(b.max(squared, NEAREST));
}

/** Mean of the values with weight 1, or 0 if there are none. */
const meanOf = (b: GraphBuilder, values: Value, weights: Value): Value =>
  b.div(b.reduceSum(b.mul(values, weights)), b.max(b.reduceSum(weights), 1));

const any = (b: GraphBuilder, mask: Value): Value => b.greater(b.reduceSum(b.cast(mask, 'float32'), [1]), 0);

export const EMBEDDING_LOSSES = {
  // mean over i of −1/|P(i)| Σ_{p∈P(i)} log( exp(z_i·z_p/τ) / Σ_{j≠i} exp(z_i·z_j/τ) ),  P(i) the others of i's class
  // (Khosla et al., "Supervised contrastive learning", 2020, L_out; over the samples that have such others)
  'supervised-contrastive': {
    takes: ['temperature'],
    labels,
    build(b, z, classes, { temperature = 0.1 }) {
      const { isItself, positive } = pairs(b, classes);
      const logits = b.where(isItself, LEAST, b.div(dotProducts(b, z), temperature));
      const count = b.reduceSum(positive, [1]);
      const sums = b.reduceSum(b.mul(b.logSoftmax(logits, 1), positive), [1]);
      return meanOf(b, b.neg(b.div(sums, b.max(count, 1))), b.cast(b.greater(count, 0), 'float32'));
    },
  },

  // mean over pairs (i, p) of one class of −log( exp(z_i·z_p/τ) / (exp(z_i·z_p/τ) + Σ_n exp(z_i·z_n/τ)) ),  n of other classes
  // (van den Oord et al., "Representation learning with contrastive predictive coding", 2018; NT-Xent with labels)
  'info-nce': {
    takes: ['temperature'],
    labels,
    build(b, z, classes, { temperature = 0.1 }) {
      const { positive, isNegative } = pairs(b, classes);
      const logits = b.div(dotProducts(b, z), temperature);
      const others = b.where(isNegative, logits, LEAST);
      const most = b.reduce('ReduceMax', others, [1], { keepdims: true });
      const logSum = b.add(b.log(b.reduceSum(b.exp(b.sub(others, most)), [1], { keepdims: true })), most);
      return meanOf(b, b.softplus(b.sub(logSum, logits)), positive);
    },
  },

  // max(0, d(a, p) − d(a, n) + m)      (Schroff et al., "FaceNet", 2015)
  // `hard`: mean over anchors a, with the farthest p and the nearest n of the batch; `all`: mean over all triplets with a loss above 0
  // (Hermans et al., "In defense of the triplet loss", 2017)
  triplet: {
    takes: ['margin', 'mining'],
    labels,
    build(b, z, classes, { margin = 0.2, mining = 'hard' }) {
      const { positive, isPositive, isNegative } = pairs(b, classes);
      const d = distances(b, z);
      if (mining === 'hard') {
        const farthest = b.reduce('ReduceMax', b.where(isPositive, d, LEAST), [1]);
        const nearest = b.reduce('ReduceMin', b.where(isNegative, d, -LEAST), [1]);
        const complete = b.and(any(b, isPositive), any(b, isNegative));
        // If p or n is missing, the anchor counts as 0.
        const apart = b.where(complete, b.add(b.sub(farthest, nearest), margin), 0);
        return meanOf(b, b.max(apart, 0), b.cast(complete, 'float32'));
      }
      const apart = b.add(b.sub(b.unsqueeze(d, [2]), b.unsqueeze(d, [1])), margin);
      const triplets = b.mul(b.unsqueeze(positive, [2]), b.unsqueeze(b.cast(isNegative, 'float32'), [1]));
      const loss = b.mul(b.max(apart, 0), triplets);
      return meanOf(b, loss, b.cast(b.greater(loss, 0), 'float32'));
    },
  },
} satisfies Record<string, Loss>;
