import type { Evaluated, TaskOutcome } from '../task.ts';

/** The numbers of a sample, and their predictions, in the user's units. */
export interface NumbersOutcome extends TaskOutcome {
  readonly targets: ArrayLike<number>;
  readonly values: readonly number[];
}

export interface NumberScores {
  readonly name: string;
  /** Mean absolute error and root mean squared error, in the number's units. */
  readonly mae: number;
  readonly rmse: number;
  /** Explained variance: 1 − Σ(y − ŷ)² / Σ(y − ȳ)². Without variance, 1 if all predictions are correct, else 0, as in scikit-learn. */
  readonly r2: number;
  /** Of the targets. */
  readonly mean: number;
  readonly std: number;
}

/** Means over the numbers, each in its own units. */
export interface RegressionEvaluation extends Evaluated {
  readonly mae: number;
  readonly rmse: number;
  readonly r2: number;
  readonly perTarget: readonly NumberScores[];
}

const meanOf = (values: readonly number[]): number => values.reduce((all, value) => all + value, 0) / values.length;

export function r2Of(squaredErrors: number, variance: number): number {
  if (variance > 0) return 1 - squaredErrors / variance;
  return squaredErrors === 0 ? 1 : 0;
}

export function evaluateNumbers(
  outcomes: readonly NumbersOutcome[],
  names: readonly string[],
  loss: number,
): RegressionEvaluation {
  const perTarget = names.map((name, c): NumberScores => {
    const targets = outcomes.map((outcome) => outcome.targets[c]);
    const errors = outcomes.map((outcome) => outcome.values[c] - outcome.targets[c]);
    const mean = meanOf(targets);
    const variance = meanOf(targets.map((target) => (target - mean) ** 2));
    const squared = meanOf(errors.map((error) => error ** 2));
    return {
      name,
      mae: meanOf(errors.map(Math.abs)),
      rmse: Math.sqrt(squared),
      r2: r2Of(squared, variance),
      mean,
      std: Math.sqrt(variance),
    };
  });
  const over = (key: 'mae' | 'rmse' | 'r2') => meanOf(perTarget.map((own) => own[key]));
  return { loss, mae: over('mae'), rmse: over('rmse'), r2: over('r2'), perTarget };
}
