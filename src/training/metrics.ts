import type { ClassScores, Evaluation, Prediction, Scores } from './events.ts';

/** Predictions from scores: the softmax of each row. @param logits `[N, C]` in row order */
export function predictionsOf(
  logits: ArrayLike<number>,
  labels: ArrayLike<bigint>,
  indices: readonly number[],
): Prediction[] {
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

/** Loss and accuracy over batches of different sizes. A plain object, so that it can be saved in the middle of an epoch. */
export interface RunningScores {
  readonly lossSum: number;
  readonly correct: number;
  readonly count: number;
}

export const NO_SCORES: RunningScores = { lossSum: 0, correct: 0, count: 0 };

export const addBatch = (scores: RunningScores, loss: number, predictions: readonly Prediction[]): RunningScores => ({
  lossSum: scores.lossSum + loss * predictions.length,
  correct: scores.correct + predictions.filter(({ label, predicted }) => label === predicted).length,
  count: scores.count + predictions.length,
});

export const meanScores = ({ lossSum, correct, count }: RunningScores): Scores => ({
  loss: lossSum / count,
  accuracy: correct / count,
});

/**
 * Precision = TP/(TP + FP), recall = TP/(TP + FN), F1 = their harmonic mean; 0 where there is nothing to divide by, as in
 * scikit-learn.
 */
export function evaluationOf(predictions: readonly Prediction[], classes: readonly string[], loss: number): Evaluation {
  const confusion = classes.map(() => classes.map(() => 0));
  for (const { label, predicted } of predictions) confusion[label][predicted]++;
  const ratio = (a: number, b: number) => (b === 0 ? 0 : a / b);
  const perClass = classes.map((label, c): ClassScores => {
    const hits = confusion[c][c];
    const support = confusion[c].reduce((a, b) => a + b, 0);
    const precision = ratio(
      hits,
      confusion.reduce((all, row) => all + row[c], 0),
    );
    const recall = ratio(hits, support);
    return { label, precision, recall, f1: ratio(2 * precision * recall, precision + recall), support };
  });
  const count = predictions.length;
  return {
    loss,
    accuracy: ratio(predictions.filter(({ label, predicted }) => label === predicted).length, count),
    top5: ratio(predictions.filter((p) => rankOf(p) < 5).length, count),
    f1: ratio(
      perClass.reduce((all, { f1 }) => all + f1, 0),
      classes.length,
    ),
    perClass,
    confusion,
  };
}

/** How many classes are more probable than the true one. */
const rankOf = ({ probabilities, label }: Prediction): number =>
  probabilities.reduce((rank, p) => (p > probabilities[label] ? rank + 1 : rank), 0);
