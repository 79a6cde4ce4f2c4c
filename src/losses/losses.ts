import { ThawError } from '../errors.ts';
import { elementCount, type GraphBuilder, isStatic, tensor, type Value } from '../onnx/index.ts';
import { EMBEDDING_LOSSES } from './embeddings.ts';
import type { Loss } from './loss.ts';

const likeOutput = ({ type, shape }: Value) => ({ type, shape });

/** One number for each class. @throws ThawError `bad-config` where there are others than the output has classes */
function perClass(b: GraphBuilder, values: readonly number[], { shape }: Value): Value {
  if (shape.at(-1) !== values.length) {
    throw new ThawError(
      'bad-config',
      `the loss has weights for ${values.length} classes, and the output [${shape}] has ${shape.at(-1)}`,
      'Give one weight for each class, in the order of the outputs',
    );
  }
  return b.constant(tensor('float32', [values.length], Float32Array.from(values)), 'weights');
}

/** `[N, C, 1, …]` as `[N, C]`. @throws ThawError `bad-config` for other shapes */
function rows(b: GraphBuilder, x: Value): Value {
  const [samples, classes, ...rest] = x.shape;
  if (typeof classes !== 'number' || !isStatic(rest) || elementCount(rest) !== 1) {
    throw new ThawError(
      'bad-config',
      `the loss takes one score a class, [N, C], and the output "${x.name}" is [${x.shape.join(', ')}]`,
      'Use another loss (mse, l1, huber, bce-with-logits and focal take any shape), or replace the head',
    );
  }
  return b.reshape(x, [samples, classes]);
}

export const LOSSES = {
  // −Σ_c q_c w_c log p_c / Σ w_y,  q = (1 − ε)·onehot(y) + ε/C; with probabilities y, q = (1 − ε)·y + ε/C, over N      (torch.nn.CrossEntropyLoss)
  'cross-entropy': {
    takes: ['labelSmoothing', 'classWeights'],
    labels: ({ type, shape }, { softLabels }) => (softLabels ? { type, shape } : { type: 'int64', shape: [shape[0]] }),
    build(b, output, labels, { classWeights, labelSmoothing = 0, ignoreLabel, softLabels }) {
      const logits = rows(b, output);
      const classes = logits.shape[1] as number;
      const hot = softLabels ? rows(b, labels) : b.oneHot(labels, classes, 'float32');
      const counted =
        ignoreLabel === undefined
          ? hot
          : b.mul(hot, b.unsqueeze(b.cast(b.not(b.equal(labels, ignoreLabel)), 'float32'), [1]));
      const present = ignoreLabel === undefined ? 1 : b.reduceSum(counted, [1], { keepdims: true });
      const target = labelSmoothing
        ? b.add(
            b.mul(counted, 1 - labelSmoothing),
            b.mul(present === 1 ? b.scalar(1) : present, labelSmoothing / classes),
          )
        : counted;
      const weights = classWeights && perClass(b, classWeights, logits);
      const weighted = weights ? b.mul(target, weights) : target;
      const perSample = b.neg(b.reduceSum(b.mul(weighted, b.logSoftmax(logits, 1)), [1]));
      if (softLabels || (!weights && ignoreLabel === undefined)) return b.reduceMean(perSample);
      return b.div(b.reduceSum(perSample), b.reduceSum(weights ? b.mul(counted, weights) : counted));
    },
  },

  // softplus(x) − x·y, positives weighted: (1 − y)·x + (1 + (w − 1)·y)·softplus(−x)      (torch.nn.BCEWithLogitsLoss)
  'bce-with-logits': {
    takes: ['positiveWeights'],
    labels: likeOutput,
    build(b, x, y, { positiveWeights }) {
      if (!positiveWeights) return b.reduceMean(b.sub(b.softplus(x), b.mul(x, y)));
      const weight = b.add(b.mul(y, b.sub(perClass(b, positiveWeights, x), 1)), 1);
      return b.reduceMean(b.add(b.mul(b.sub(1, y), x), b.mul(weight, b.softplus(b.neg(x)))));
    },
  },

  // (x − y)²      (torch.nn.MSELoss)
  mse: { labels: likeOutput, build: (b, x, y) => b.reduceMean(b.square(b.sub(x, y))) },

  // |x − y|      (torch.nn.L1Loss)
  l1: { labels: likeOutput, build: (b, x, y) => b.reduceMean(b.abs(b.sub(x, y))) },

  // ½d² where |d| ≤ δ, else δ(|d| − ½δ)      (torch.nn.HuberLoss): with m = min(|d|, δ) that is m·(|d| − ½m)
  huber: {
    takes: ['delta'],
    labels: likeOutput,
    build(b, x, y, { delta = 1 }) {
      const distance = b.abs(b.sub(x, y));
      const bounded = b.min(distance, delta);
      return b.reduceMean(b.mul(bounded, b.sub(distance, b.mul(bounded, 0.5))));
    },
  },

  // α_t (1 − p_t)^γ · (−log p_t)      (Lin et al., 2017; torchvision.ops.sigmoid_focal_loss)
  focal: {
    takes: ['gamma', 'alpha'],
    labels: likeOutput,
    build(b, x, y, { gamma = 2, alpha = 0.25 }) {
      const crossEntropy = b.sub(b.softplus(x), b.mul(x, y));
      const p = b.sigmoid(x);
      const wrong = b.add(p, b.sub(y, b.mul(b.mul(p, y), 2))); // 1 − p_t = p + y − 2py
      // Away from 0, where the derivative of a power below 1 is infinite.
      const quieted = b.mul(b.pow(b.max(wrong, 1e-30), gamma), crossEntropy);
      if (alpha < 0) return b.reduceMean(quieted);
      return b.reduceMean(b.mul(b.add(b.mul(y, 2 * alpha - 1), 1 - alpha), quieted));
    },
  },

  // Σ q (log q − log p) a sample, p = softmax(x / T), times T²; labels are the teacher's probabilities q
  // (torch.nn.KLDivLoss with 'batchmean'; Hinton et al., 2015, for the T²)
  kl: {
    takes: ['temperature'],
    labels: likeOutput,
    build(b, output, labels, { temperature = 1 }) {
      const logits = b.div(rows(b, output), temperature);
      const teacher = rows(b, labels);
      const certain = b.log(b.max(teacher, 1e-30)); // 0·log 0 = 0
      const perSample = b.reduceSum(b.mul(teacher, b.sub(certain, b.logSoftmax(logits, 1))), [1]);
      return b.mul(b.reduceMean(perSample), temperature ** 2);
    },
  },
  ...EMBEDDING_LOSSES,
} satisfies Record<string, Loss>;

export type LossName = keyof typeof LOSSES;
