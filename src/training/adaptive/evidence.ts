/** What the scores of a training say about its plan. */
import { type Metric, merit, metricOf, type Scores } from '../../tasks/index.ts';
import { bestScores, type Progress } from '../progress.ts';
import type { PlanFacts } from './facts.ts';

/** Limits of the distance between the data and the pretraining. */
const DISTANCE = { near: 0.1, far: 0.5 };

/** The part of the errors that more training may remove. */
const REMOVABLE = 1 / 3;

/** The part by which a stage has to lower the validation loss to count as a gain. */
const FALL = 0.02;

/** The training metric from which on the training set counts as learned. */
const LEARNED = 0.95;

/**
 * How far the data is from the pretraining: the validation error of the head alone, from 0.1 to 0.5; undefined for a metric without a best
 * value.
 */
export function distanceOf({ metric }: PlanFacts, progress: Progress): number | undefined {
  const error = errorOf(metric, bestOf(progress, metric, 1));
  if (error === undefined) return undefined;
  return Number(Math.min(Math.max(error, DISTANCE.near), DISTANCE.far).toFixed(2));
}

/** Whether scores show that the data is near the pretraining: few errors. */
export function isNear(metric: Metric, scores: Scores): boolean {
  const error = errorOf(metric, scores);
  return error !== undefined && error <= DISTANCE.near;
}

/** The distance relative to that of near data: 1 to 5. */
export const remoteness = (facts: PlanFacts, progress: Progress): number =>
  (distanceOf(facts, progress) ?? DISTANCE.near) / DISTANCE.near;

/** What is left to gain, and the standard error of the metric; undefined for a metric without a best value. */
export function roomOf({ metric, validation }: PlanFacts, progress: Progress) {
  const error = errorOf(metric, bestOf(progress, metric));
  if (error === undefined) return undefined;
  const noise = Math.sqrt((error * (1 - error)) / validation);
  return { error, noise, isMeasurable: error * REMOVABLE > noise };
}

/** What the last stage changed, relative to the stages before it; everything counts as gained if there are none. */
export function gainOfLast({ metric }: PlanFacts, progress: Progress) {
  const { stage, rows } = progress;
  const learned = metric.form === 'share' ? metricOf(metric, rows[rows.length - 1].train) : Number.NaN;
  const common = { learned, isLearned: learned >= LEARNED };
  if (stage < 2) return { ...common, rise: 0, fall: 1, isGain: true };
  const rise = merit(metric, bestOf(progress, metric)) - merit(metric, bestOf(progress, metric, stage - 1));
  const fall = 1 - lowestLoss(progress, stage) / lowestLoss(progress, stage - 1);
  return { ...common, rise, fall, isGain: rise > 0 || fall >= FALL };
}

/** The best validation scores of the stages up to this one, counted from 1. */
export function bestOf({ rows, stage: last }: Progress, metric: Metric, stage = last): Scores {
  return bestScores(
    metric,
    rows.filter((row) => row.stage <= stage),
  );
}

/** The lowest validation loss of the stages up to this one. */
const lowestLoss = ({ rows }: Progress, stage: number): number =>
  Math.min(...rows.filter((row) => row.stage <= stage).map(({ val }) => val.loss));

/** The distance of a metric from its best value; undefined if it has none, or if it could not be measured. */
function errorOf(metric: Metric, scores: Scores): number | undefined {
  const error = 1 - metricOf(metric, scores);
  return metric.form === 'share' && Number.isFinite(error) ? error : undefined;
}
