import type { GraphBuilder, Value } from '../../../onnx/index.ts';
import type { RuleContext, Rules } from '../rule.ts';

/**
 * −w[t]·y[t] for each target t (zero if it is ignored), reduced as the operator asks.
 *
 * @param logs logarithms of probabilities `[N, C, …]`
 * @param targets classes `[N, …]`
 */
function negativeLogLikelihood(
  b: GraphBuilder,
  logs: Value,
  targets: Value,
  weights: Value | undefined,
  { reduction = 'mean', ignore_index }: RuleContext['attributes'],
): Value {
  const classes = b.cast(targets, 'int64');
  const counts =
    ignore_index === undefined ? undefined : b.not(b.equal(classes, b.scalar(Number(ignore_index), 'int64')));
  const chosen = counts ? b.where(counts, classes, b.scalar(0, 'int64')) : classes;
  const likelihoods = b.squeeze(b.gatherElements(logs, b.unsqueeze(chosen, [1]), 1), [1]);
  const mask = counts && b.cast(counts, logs.type);
  const given = weights && b.gather(weights, chosen);
  const weight = given && mask ? b.mul(given, mask) : (given ?? mask);
  const losses = b.neg(weight ? b.mul(likelihoods, weight) : likelihoods);
  if (reduction === 'none') return losses;
  if (reduction === 'sum') return b.reduceSum(losses);
  return weight ? b.div(b.reduceSum(losses), b.reduceSum(weight)) : b.reduceMean(losses);
}

export const losses: Rules = {
  NegativeLogLikelihoodLoss: ({ b, inputs: [, targets], attributes, composed }) =>
    composed(([logs, , weights]) => [negativeLogLikelihood(b, logs, targets, weights, attributes)]),

  SoftmaxCrossEntropyLoss: ({ b, inputs: [, targets], attributes, composed }) =>
    composed(([scores, , weights]) => {
      const logs = b.logSoftmax(scores, 1);
      return [negativeLogLikelihood(b, logs, targets, weights, attributes), logs];
    }),
};
