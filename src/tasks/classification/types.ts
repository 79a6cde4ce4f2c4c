import type { Outcome } from '../metrics/index.ts';
import type { Evaluated, TaskOutcome } from '../task.ts';
import type { UnknownAnswer } from './unknown/index.ts';

export interface ClassScores {
  readonly label: string;
  readonly precision: number;
  readonly recall: number;
  readonly f1: number;
  readonly support: number;
}

/** The evaluation of a classification. `f1` is the mean over the classes (macro); `confusion[truth][predicted]` counts samples. */
export interface Evaluation extends Evaluated {
  readonly accuracy: number;
  readonly top5: number;
  readonly f1: number;
  readonly perClass: readonly ClassScores[];
  readonly confusion: readonly (readonly number[])[];
}

/** The outcome of one sample. */
export interface ClassOutcome extends Outcome, TaskOutcome {
  /** Whether it belongs to none of the classes, if that was asked. */
  readonly unknown?: UnknownAnswer;
}
