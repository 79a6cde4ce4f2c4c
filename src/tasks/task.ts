/**
 * The interface of a learning task: the one place that connects labels, losses, metrics and predictions. Trainer, session, export and jobs
 * know tasks only by this interface.
 */

import type { Tail } from '../compiler/surgery/index.ts';
import type { Batch } from '../data/index.ts';
import type { Tensor, Value } from '../onnx/index.ts';
import type { TemperatureFit } from './classification/temperature-fit.ts';
import type { UnknownAnswer, UnknownData, UnknownFit, UnknownOptions } from './classification/unknown/index.ts';
import type { TaskFacts } from './facts.ts';
import type { ClassMistake, LabelsMistake, Prediction } from './prediction.ts';
import type { ReportBlock } from './report-blocks.ts';

/** The outcome of one sample. */
export interface TaskOutcome {
  /** Index of the sample in its split. */
  readonly index: number;
}

/** The evaluation of all samples of a split. It includes the task's metric. */
export interface Evaluated {
  /** Mean over the samples; NaN if the task has no loss outside of training. */
  readonly loss: number;
}

/** The numbers of an epoch in rows and events: the loss, and metrics by their keys. */
export interface Scores {
  readonly loss: number;
  readonly [metric: string]: number;
}

/** The metric for comparing epochs. */
export interface Metric {
  /** Its name in evaluations and rows. */
  readonly key: string;
  /** Its name in text, as in "validation accuracy". */
  readonly title: string;
  readonly better: 'higher' | 'lower';
  /** `share`: from 0 to 1, shown in percent; `number`: in the user's units. */
  readonly form: 'share' | 'number';
}

/** The labels of a batch, for any input. */
export type Labelled = Pick<Batch, 'labels' | 'targets' | 'indices'>;

/** One output of a sample: the probability of a label, or a number in the user's units. */
export type Answer = { readonly probability: number } | { readonly value: number };

/** Sums over samples, from which running metrics are computed. */
export type Tally = Readonly<Record<string, number>>;

/**
 * @typeParam O outcome of a sample
 * @typeParam E evaluation of all samples, as after every epoch
 * @typeParam A evaluation with additional metrics that are only computed once
 */
export interface Task<
  O extends TaskOutcome = TaskOutcome,
  E extends Evaluated = Evaluated,
  A extends Evaluated = Evaluated,
> {
  /** Facts from the data: plain data, stored in the run and in the model. `openTask` recreates the task from them. */
  readonly facts: TaskFacts;
  /** Names of the outputs, in order; for unnamed outputs, the classes of the data. */
  readonly classes: readonly string[];
  /** Number of the head's outputs, and whether each stands for one class, so that weights of known classes can be kept. */
  readonly outputs: number;
  readonly named: boolean;
  readonly metric: Metric;

  // --- training ------------------------------------------------------------------------------------------------

  /** The labels of a batch for the loss. @param wanted their type and shape, with an open batch size */
  labels(batch: Labelled, wanted: Pick<Value, 'type' | 'shape'>): Tensor;
  /**
   * The outcomes of a batch.
   *
   * @param values `[N, outputs]` in row order
   * @param from `training`: inputs of the loss; `model`: outputs of the finished model
   */
  outcomes(values: ArrayLike<number>, batch: Labelled, from: 'training' | 'model'): O[];
  tally(outcome: O): Tally;
  /** Metrics that can be computed from sums. */
  rates(sums: Tally, samples: number): Readonly<Record<string, number>>;
  evaluation(outcomes: readonly O[], loss: number): E;
  /** @param seed seed of its random draws */
  assess(outcomes: readonly O[], loss: number, seed: number): A;
  /** The part of an evaluation for an epoch's row. */
  scores(evaluation: E): Scores;
  /** One line if an evaluation shows that labels of training and validation do not match. @param train scores of the same epoch */
  mismatch?(evaluation: E, train: Scores): string | undefined;
  /** Order of an epoch's samples, if the loss needs certain samples together. @param labels labels of all samples */
  order?(
    labels: readonly number[],
    options: { readonly batch: number; readonly perClass: number; readonly seed: number },
  ): (epoch: number) => readonly number[];

  // --- the finished model --------------------------------------------------------------------------------------

  /** Operators after the head in the graph, if any. */
  readonly tail?: Tail;
  /** The task to ship, with choices based on the outcomes of the validation set. */
  settled(outcomes: readonly O[]): Task<O, E, A>;
  /** Difference between two outcomes of a sample, and whether they give the same answer. */
  difference(a: O, b: O): number;
  same(a: O, b: O): boolean;
  /** Its part of `config.json`, in the conventions of transformers.js. */
  config(): Readonly<Record<string, unknown>>;

  // --- predictions -------------------------------------------------------------------------------------------------

  /** Mean loss of a finished model's outcomes; NaN if it is undefined. */
  loss(outcomes: readonly O[]): number;
  prediction(outcome: O): Prediction;
  /** The wrong outcomes, the worst first. Missing if no answer of the task is simply wrong. */
  mistakes?(outcomes: readonly O[]): readonly (ClassMistake | LabelsMistake)[];
  /** The prediction as text: its value, and its probability if there is one. */
  words(outcome: O): readonly [value: string, probability?: number];
  /** The outputs as single answers, which can be explained. Missing if an output means nothing alone. */
  readonly answers?: {
    /** The output that stands for the prediction; undefined if several do. */
    output(outcome: O): number | undefined;
    /** How sure the model is of an output, or the number that the output gives. */
    score(outcome: O, output: number): Answer;
  };
  /** Report blocks for a terminal, a report or a model card. */
  reportBlocks(assessment: A, outcomes: readonly O[]): readonly ReportBlock[];
  /** For tasks with probabilities: fits a temperature that calibrates them, and applies one to outcomes. */
  readonly temperature?: {
    fit(outcomes: readonly O[], options: { readonly seed: number; readonly others?: readonly O[] }): TemperatureFit;
    apply(outcomes: readonly O[], temperature: number): O[];
  };
  /** For tasks in which a sample can belong to none of the classes: fits what recognises such samples, and marks an outcome. */
  readonly unknown?: {
    fit(data: UnknownData, options: Omit<UnknownOptions, 'classes'>): UnknownFit | null;
    mark(outcome: O, answer: UnknownAnswer): O;
  };
}

/** A sample's targets; zeros if the batch has none, as in a prediction. */
export const targetRows = (targets: Float32Array | undefined, width: number, row: number): Float32Array =>
  targets?.slice(row * width, (row + 1) * width) ?? new Float32Array(width);

/** The task's metric of an evaluation or a row. */
export const metricOf = ({ key }: Metric, scores: object): number => (scores as Scores)[key] ?? Number.NaN;

/** The metric with a sign such that larger is better. */
export const merit = (metric: Metric, scores: object): number =>
  metric.better === 'higher' ? metricOf(metric, scores) : -metricOf(metric, scores);

/** The largest possible merit; infinite if the metric has no bound. */
export const bestMerit = ({ better, form }: Metric): number => {
  if (better === 'lower') return 0;
  return form === 'share' ? 1 : Number.POSITIVE_INFINITY;
};
