import { confusionMatrix, countsOf, labelScores, rankOf, scoresByClass, topK } from '../metrics/index.ts';
import type { ClassOutcome, Evaluation } from './types.ts';

/** Predictions from logits: the softmax of each row. @param logits `[N, C]` in row order */
export function predictionsOf(
  logits: ArrayLike<number>,
  labels: ArrayLike<bigint>,
  indices: readonly number[],
): ClassOutcome[] {
  const classes = logits.length / indices.length;
  return indices.map((index, row) => {
    const scores = Float32Array.from({ length: classes }, (_, c) => logits[row * classes + c]);
    const probabilities = softmax(scores);
    return { index, label: Number(labels[row]), predicted: argMax(probabilities), probabilities };
  });
}

export function softmax(scores: Float32Array): Float32Array {
  const greatest = scores.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
  const powers = scores.map((s) => Math.exp(s - greatest));
  const total = powers.reduce((a, b) => a + b, 0);
  return powers.map((p) => p / total);
}

const argMax = (values: Float32Array): number => values.reduce((best, v, i) => (v > values[best] ? i : best), 0);

/** The evaluation of predictions. @param loss their mean loss */
export function evaluationOf(
  predictions: readonly ClassOutcome[],
  classes: readonly string[],
  loss: number,
): Evaluation {
  const confusion = confusionMatrix(predictions, classes.length);
  const counts = countsOf(confusion);
  const { accuracy, macro } = labelScores(counts);
  const perClass = scoresByClass(counts).map((scores, c) => ({ label: classes[c], ...scores }));
  return { loss, accuracy, top5: topK(predictions.map(rankOf), 5), f1: macro.f1, perClass, confusion };
}
