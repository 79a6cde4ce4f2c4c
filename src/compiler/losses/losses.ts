import { ThawError } from '../../errors.ts';
import type { GraphBuilder, Value } from '../../onnx/index.ts';
import { classScores, labelled, layoutOf, meanOf, perClass, placesOf } from './classes.ts';
import { EMBEDDING_LOSSES } from './embeddings.ts';
import type { Loss, LossOptions } from './loss.ts';

type Maskable = Loss & Required<Pick<Loss, 'mask'>>;

const likeOutput = ({ type, shape }: Value) => ({ type, shape });

const classLabels: Loss['labels'] = (output, options) => ({ type: 'int64', shape: placesOf(output, options) });

/** A loss of every element, with labels and mask in the output's shape. */
const elementwise = (
  takes: NonNullable<Loss['takes']>,
  formula: (b: GraphBuilder, x: Value, y: Value, options: LossOptions) => Value,
): Maskable => ({
  takes: [...takes, 'mask'],
  labels: likeOutput,
  mask: ({ shape }) => shape,
  build: (b, x, y, options, mask) => meanOf(b, formula(b, x, y, options), undefined, mask),
});

/** @throws ThawError `bad-config` if one of the options is set */
function refuseOptions(options: LossOptions, names: readonly (keyof LossOptions)[], of: string): void {
  const set = names.find((name) => options[name] !== undefined);
  if (!set) return;
  throw new ThawError('bad-config', `setting loss.${set}: ${of} does not take it`, 'Leave it out');
}

// α_t (1 − p_t)^γ · (−log p_t)      (Lin et al., 2017; torchvision.ops.sigmoid_focal_loss)
const sigmoidFocal = elementwise([], (b, x, y, options) => {
  refuseOptions(options, ['axis', 'classWeights', 'ignoreLabel'], 'focal with the kind sigmoid');
  const { gamma = 2, alpha = 0.25 } = options;
  const crossEntropy = b.sub(b.softplus(x), b.mul(x, y));
  const p = b.sigmoid(x);
  const wrong = b.add(p, b.sub(y, b.mul(b.mul(p, y), 2))); // 1 − p_t = p + y − 2py
  const quieted = b.mul(quieting(b, wrong, gamma), crossEntropy);
  return alpha < 0 ? quieted : b.mul(b.add(b.mul(y, 2 * alpha - 1), 1 - alpha), quieted);
});

// w_y (1 − p_y)^γ · (−log p_y), p = softmax(x), the mean over the places that count      (Lin et al., 2017)
const softmaxFocal: Maskable = {
  labels: classLabels,
  mask: placesOf,
  build(b, output, labels, options, mask) {
    refuseOptions(options, ['alpha'], 'focal with the kind softmax');
    const { gamma = 2, classWeights, ignoreLabel } = options;
    const { scores, ...layout } = classScores(b, output, options);
    const { axis, shape } = layout;
    const { hot, counts, known } = labelled(b, labels, layout, ignoreLabel, mask);
    const logP = b.reduceSum(b.mul(hot, b.logSoftmax(scores, axis)), [axis]);
    const quieted = b.neg(b.mul(quieting(b, b.sub(1, b.exp(logP)), gamma), logP));
    const weights = classWeights && b.reduceSum(b.mul(hot, perClass(b, classWeights, shape, axis)), [axis]);
    return meanOf(b, b.div(weights ? b.mul(weights, quieted) : quieted, known), counts, mask);
  },
};

/** wᵞ, with w kept away from 0, where the derivative of a power below 1 is infinite. */
const quieting = (b: GraphBuilder, wrong: Value, gamma: number): Value => b.pow(b.max(wrong, 1e-30), gamma);

const focalOf = ({ kind }: LossOptions): Maskable => (kind === 'softmax' ? softmaxFocal : sigmoidFocal);

/** The share of each class in the evenly spread part of the labels, for the places that count. */
const smoothing = (b: GraphBuilder, counts: Value | number, share: number): Value =>
  typeof counts === 'number' ? b.scalar(counts * share) : b.mul(counts, share);

/** Mean over the samples of the sum over a sample's places. */
function sampleMean(b: GraphBuilder, values: Value, mask: Value | undefined): Value {
  const places = values.shape.map((_, i) => i).slice(1);
  return b.reduceMean(b.reduceSum(mask ? b.mul(values, mask) : values, places));
}

const losses = {
  // −Σ_c q_c w_c log p_c / Σ w_y,  q = (1 − ε)·onehot(y) + ε/C; with probabilities y, q = (1 − ε)·y + ε/C, over the places
  // (torch.nn.CrossEntropyLoss)
  'cross-entropy': {
    takes: ['axis', 'labelSmoothing', 'classWeights', 'ignoreLabel', 'softLabels', 'mask'],
    labels: (output, options) => {
      const labels = classLabels(output, options);
      return options.softLabels ? likeOutput(output) : labels;
    },
    mask: placesOf,
    build(b, output, labels, options, mask) {
      const { classWeights, labelSmoothing = 0, ignoreLabel, softLabels } = options;
      const { scores, ...layout } = classScores(b, output, options);
      const { axis, classes } = layout;
      if (softLabels) refuseOptions(options, ['ignoreLabel'], 'cross-entropy with softLabels');
      const weights = classWeights && perClass(b, classWeights, layout.shape, axis);
      const weighted = (x: Value) => (weights ? b.mul(x, weights) : x);
      const smooth = (target: Value, counts: Value | number) =>
        labelSmoothing
          ? b.add(b.mul(target, 1 - labelSmoothing), smoothing(b, counts, labelSmoothing / classes))
          : target;
      const crossEntropy = (target: Value) =>
        b.neg(b.reduceSum(b.mul(weighted(target), b.logSoftmax(scores, axis)), [axis]));

      if (softLabels) {
        const target = smooth(b.reshape(labels, layout.shape), 1);
        return meanOf(b, crossEntropy(target), undefined, mask);
      }
      const { hot, counts, known } = labelled(b, labels, layout, ignoreLabel, mask);
      const loss = b.div(crossEntropy(smooth(hot, b.unsqueeze(counts, [axis]))), known);
      return meanOf(b, loss, weights ? b.reduceSum(weighted(hot), [axis]) : counts, mask);
    },
  },

  // softplus(x) − x·y, with positives weighted: (1 − y)·x + (1 + (w − 1)·y)·softplus(−x)      (torch.nn.BCEWithLogitsLoss)
  'bce-with-logits': elementwise(['positiveWeights'], (b, x, y, { positiveWeights }) => {
    if (!positiveWeights) return b.sub(b.softplus(x), b.mul(x, y));
    const weight = b.add(b.mul(y, b.sub(perClass(b, positiveWeights, x.shape), 1)), 1);
    return b.add(b.mul(b.sub(1, y), x), b.mul(weight, b.softplus(b.neg(x))));
  }),

  // (x − y)²      (torch.nn.MSELoss)
  mse: elementwise([], (b, x, y) => b.square(b.sub(x, y))),

  // |x − y|      (torch.nn.L1Loss)
  l1: elementwise([], (b, x, y) => b.abs(b.sub(x, y))),

  // ½d² where |d| ≤ δ, else δ(|d| − ½δ)      (torch.nn.HuberLoss): with m = min(|d|, δ), both are m·(|d| − ½m)
  huber: elementwise(['delta'], (b, x, y, { delta = 1 }) => {
    const distance = b.abs(b.sub(x, y));
    const bounded = b.min(distance, delta);
    return b.mul(bounded, b.sub(distance, b.mul(bounded, 0.5)));
  }),

  focal: {
    takes: ['gamma', 'alpha', 'kind', 'axis', 'classWeights', 'ignoreLabel', 'mask'],
    labels: (output, options) => focalOf(options).labels(output, options),
    mask: (output, options) => focalOf(options).mask(output, options),
    build: (b, x, y, options, mask) => focalOf(options).build(b, x, y, options, mask),
  },

  // Σ_c w_c q_c (log q_c − log p_c), p = softmax(x / T), times T²; labels are the teacher's probabilities q
  // (torch.nn.KLDivLoss with 'batchmean'; Hinton et al., 2015, for the T²)
  kl: {
    takes: ['axis', 'temperature', 'classWeights', 'mask', 'meanOver'],
    labels: (output, options) => {
      layoutOf(output, options);
      return likeOutput(output);
    },
    mask: placesOf,
    build(b, output, labels, options, mask) {
      const { temperature = 1, classWeights, meanOver = 'samples' } = options;
      const { scores, axis, shape, places } = classScores(b, output, options);
      const teacher = b.reshape(labels, shape);
      const weighted = classWeights ? b.mul(teacher, perClass(b, classWeights, shape, axis)) : teacher;
      const certain = b.log(b.max(teacher, 1e-30)); // 0·log 0 = 0
      const student = b.logSoftmax(b.div(scores, temperature), axis);
      const divergence = b.reduceSum(b.mul(weighted, b.sub(certain, student)), [axis]);
      const isSum = meanOver === 'samples' && places.length > 1;
      const mean = isSum ? sampleMean(b, divergence, mask) : meanOf(b, divergence, undefined, mask);
      return b.mul(mean, temperature ** 2);
    },
  },
  ...EMBEDDING_LOSSES,
} satisfies Record<string, Loss>;

export type LossName = keyof typeof losses;
export const LOSSES: Readonly<Record<LossName, Loss>> = losses;
