/**
 * What a training is for: the one place that knows how labels, losses, metrics and answers of a kind of task hang together. Trainer,
 * recipe, export and jobs know tasks only by this.
 */

import type { Tail } from '../compiler/surgery/index.ts';
import type { Batch } from '../data/index.ts';
import type { Tensor, Value } from '../onnx/index.ts';
import type { TemperatureFit } from './classification/temperature-fit.ts';
import type { TaskFacts } from './facts.ts';
import type { ClassMistake, LabelsMistake, Prediction } from './prediction.ts';
import type { ReportBlock } from './report-blocks.ts';

/** One sample's outcome. */
export interface TaskOutcome {
  /** The sample's position in its split. */
  readonly index: number;
}

/** What all samples of a split come to; the task's metric is among its numbers. */
export interface Evaluated {
  /** Mean over the samples; NaN where the task has none outside of training. */
  readonly loss: number;
}

/** The numbers of an epoch, as rows and events have them: the loss, and metrics by their keys. */
export interface Scores {
  readonly loss: number;
  readonly [metric: string]: number;
}

/** The number by which epochs are compared. */
export interface Metric {
  /** Its name in evaluations and rows. */
  readonly key: string;
  /** In words, as in "validation accuracy". */
  readonly title: string;
  readonly better: 'higher' | 'lower';
  /** `share`: from 0 to 1, told in per cent; `number`: in the user's units. */
  readonly form: 'share' | 'number';
}

/** The labels of a batch, whatever its input is. */
export type Labelled = Pick<Batch, 'labels' | 'targets' | 'indices'>;

/** Sums over samples, of which metrics of what training has seen so far can be had. */
export type Tally = Readonly<Record<string, number>>;

/**
 * @typeParam O what becomes of a sample
 * @typeParam E what all of them come to, as after every epoch
 * @typeParam A the same with what is worth computing once only
 */
export interface Task<
  O extends TaskOutcome = TaskOutcome,
  E extends Evaluated = Evaluated,
  A extends Evaluated = Evaluated,
> {
  /** What the data said of it: plain data, kept with the run and in the model, from which `openTask` makes it again. */
  readonly facts: TaskFacts;
  /** What the outputs are called, in their order; for outputs without names, the classes that the data has. */
  readonly classes: readonly string[];
  /** Number of the head's outputs, and whether each is for one class: what a model knows of it can then be kept. */
  readonly outputs: number;
  readonly named: boolean;
  readonly metric: Metric;

  // --- training ------------------------------------------------------------------------------------------------

  /** What the loss takes of a batch. @param wanted its type and shape, the batch size open */
  labels(batch: Labelled, wanted: Pick<Value, 'type' | 'shape'>): Tensor;
  /**
   * The outcomes of a batch.
   *
   * @param values `[N, outputs]` in row order
   * @param from `training` what the loss looks at, or `model` what the finished model gives
   */
  outcomes(values: ArrayLike<number>, batch: Labelled, from: 'training' | 'model'): O[];
  tally(outcome: O): Tally;
  /** The metrics that can be had of sums. */
  rates(sums: Tally, samples: number): Readonly<Record<string, number>>;
  evaluation(outcomes: readonly O[], loss: number): E;
  /** @param seed of whatever it draws */
  assess(outcomes: readonly O[], loss: number, seed: number): A;
  /** The numbers of an evaluation that are a part of an epoch's row. */
  scores(evaluation: E): Scores;
  /** Where an evaluation shows that labels of training and validation don't match: one line that says so. @param train of the same epoch */
  mismatch?(evaluation: E, train: Scores): string | undefined;
  /** The order of an epoch's samples, where the loss needs certain ones together. @param labels of all samples */
  order?(
    labels: readonly number[],
    options: { readonly batch: number; readonly perClass: number; readonly seed: number },
  ): (epoch: number) => readonly number[];

  // --- the finished model --------------------------------------------------------------------------------------

  /** What follows the head in the graph, where something does. */
  readonly tail?: Tail;
  /** The task as it is shipped: with what is chosen by the outcomes of the validation set. */
  settled(outcomes: readonly O[]): Task<O, E, A>;
  /** How far two outcomes of one sample are apart, and whether they come to the same answer. */
  difference(a: O, b: O): number;
  same(a: O, b: O): boolean;
  /** Its part of `config.json`, by the conventions of transformers.js. */
  config(): Readonly<Record<string, unknown>>;

  // --- predictions -------------------------------------------------------------------------------------------------

  /** Mean loss of what a finished model says; NaN where it cannot be had. */
  loss(outcomes: readonly O[]): number;
  prediction(outcome: O): Prediction;
  /** The wrong outcomes, the worst first. Missing if no answer of the task is simply wrong. */
  mistakes?(outcomes: readonly O[]): readonly (ClassMistake | LabelsMistake)[];
  /** The prediction in words: its value, and the probability of it if there is one. */
  words(outcome: O): readonly [value: string, probability?: number];
  /** An evaluation for people: in a terminal, a report, a model card. */
  reportBlocks(assessment: A, outcomes: readonly O[]): readonly ReportBlock[];
  /** Where answers are probabilities: the temperature that makes them say how often the model is right, and outcomes at one. */
  readonly temperature?: {
    fit(outcomes: readonly O[], options: { readonly seed: number; readonly others?: readonly O[] }): TemperatureFit;
    apply(outcomes: readonly O[], temperature: number): O[];
  };
}

/** A sample's targets, of a batch that has some; zeros where nothing is known, as of images to be predicted. */
export const targetRows = (targets: Float32Array | undefined, width: number, row: number): Float32Array =>
  targets?.slice(row * width, (row + 1) * width) ?? new Float32Array(width);

/** The task's metric of an evaluation or a row. */
export const metricOf = ({ key }: Metric, scores: object): number => (scores as Scores)[key] ?? Number.NaN;

/** A metric as a number that is greater where it is better. */
export const merit = (metric: Metric, scores: object): number =>
  metric.better === 'higher' ? metricOf(metric, scores) : -metricOf(metric, scores);
