import type { Assessment } from './classification/assessment.ts';
import type { ClassOutcome, Evaluation } from './classification/types.ts';
import type { EmbeddingAssessment, EmbeddingEvaluation, EmbeddingOutcome } from './embedding/metrics.ts';
import type { TaskName } from './facts.ts';
import type { LabelsOutcome, MultiLabelEvaluation } from './multi-label/metrics.ts';
import type { NumbersOutcome, RegressionEvaluation } from './regression/metrics.ts';

/** The class of an image or a text. */
export interface ClassPrediction {
  /** The most probable class. */
  readonly label: string;
  /** Its probability, from 0 to 1. */
  readonly probability: number;
  /** The probability of each class by its name; they sum to 1. */
  readonly probabilities: Readonly<Record<string, number>>;
  /** With the setting `unknown`: whether the sample belongs to none of the classes. `label` is still the most probable one. */
  readonly unknown?: boolean;
  /** With the setting `unknown`: from 0 to 1, how unlike all classes the sample is. Above 0.5 it is unknown. */
  readonly unknownScore?: number;
}

/** The labels of a sample, any number of them. */
export interface LabelsPrediction {
  /** Labels whose probability reaches their threshold, in the order of the model's outputs. */
  readonly labels: readonly string[];
  /** The probability of each label by its name, from 0 to 1, independent of the others. */
  readonly probabilities: Readonly<Record<string, number>>;
}

/** The numbers of a sample. */
export interface NumbersPrediction {
  /** By name, in the units of the training data. */
  readonly values: Readonly<Record<string, number>>;
}

/** The vector of a sample. */
export interface EmbeddingPrediction {
  /** Of length 1: the dot product of two is their cosine similarity. */
  readonly embedding: readonly number[];
}

/** A sample that the model takes for another class. */
export interface ClassMistake {
  /** The sample's position in its split. */
  readonly index: number;
  readonly label: string;
  /** The predicted class, and its probability. */
  readonly predicted: string;
  readonly probability: number;
}

/** A sample with other predicted labels than the data says. */
export interface LabelsMistake {
  /** The sample's position in its split. */
  readonly index: number;
  readonly labels: readonly string[];
  readonly predicted: readonly string[];
}

/** The types that follow from a task's name. `mistake` is missing if no answer of the task is simply wrong. */
export interface TaskTypes {
  readonly classification: {
    readonly prediction: ClassPrediction;
    readonly mistake: ClassMistake;
    readonly outcome: ClassOutcome;
    readonly epoch: Evaluation;
    readonly evaluation: Assessment;
  };
  readonly 'multi-label': {
    readonly prediction: LabelsPrediction;
    readonly mistake: LabelsMistake;
    readonly outcome: LabelsOutcome;
    readonly epoch: MultiLabelEvaluation;
    readonly evaluation: MultiLabelEvaluation;
  };
  readonly regression: {
    readonly prediction: NumbersPrediction;
    readonly outcome: NumbersOutcome;
    readonly epoch: RegressionEvaluation;
    readonly evaluation: RegressionEvaluation;
  };
  readonly embedding: {
    readonly prediction: EmbeddingPrediction;
    readonly outcome: EmbeddingOutcome;
    readonly epoch: EmbeddingEvaluation;
    readonly evaluation: EmbeddingAssessment;
  };
}

/** A prediction for display and for programs: labels by name, probabilities from 0 to 1. The same on all platforms. */
export type Prediction<T extends TaskName = TaskName> = TaskTypes[T]['prediction'];

/** The metrics of a data set after an epoch. */
export type EpochEvaluation<T extends TaskName = TaskName> = TaskTypes[T]['epoch'];

/** All metrics of a data set, by a finished model. */
export type TaskEvaluation<T extends TaskName = TaskName> = TaskTypes[T]['evaluation'];

/** A label and its probability, from 0 to 1. */
export interface RankedLabel {
  readonly label: string;
  readonly probability: number;
}

/** The labels of a prediction, the most probable first; undefined if it has no probabilities. */
export function rankedLabels(prediction: Prediction): RankedLabel[] | undefined {
  if (!('probabilities' in prediction)) return undefined;
  const ranked = Object.entries(prediction.probabilities).map(([label, probability]) => ({ label, probability }));
  return ranked.sort((a, b) => b.probability - a.probability);
}

/** A prediction with only its largest probabilities. @param count default: all */
export function mostProbable<P extends Prediction>(prediction: P, count: number | undefined): P {
  const ranked = count === undefined ? undefined : rankedLabels(prediction)?.slice(0, count);
  if (!ranked) return prediction;
  return {
    ...prediction,
    probabilities: Object.fromEntries(ranked.map(({ label, probability }) => [label, probability])),
  };
}
