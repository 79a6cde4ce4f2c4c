/**
 * The preset `adaptive`: a plan that decides after each stage, by the validation scores so far. It is a function of the progress, so a
 * resumed training decides like one that never stopped. docs/defaults.md has the experiments behind its numbers.
 */
import { lastGroups, selectionText } from '../compiler/surgery/index.ts';
import { type Metric, merit, metricOf, type Scores } from '../tasks/index.ts';
import type { StageConfig, TrainingConfig } from './config.ts';
import type { Decision } from './decision.ts';
import { isBetter, type Progress } from './progress.ts';
import { shareEpochs } from './share-epochs.ts';

/** Facts that a plan depends on. */
export interface PlanFacts {
  readonly config: TrainingConfig;
  /** Number of layer groups, and how many of the last ones can train. */
  readonly groups: number;
  readonly most: number;
  readonly metric: Metric;
  /** Number of training and validation samples, and of classes; 0 classes if there are none. */
  readonly samples: { readonly train: number; readonly val: number };
  readonly classes: number;
}

/** A plan as a progress holds it. */
export interface Plan {
  readonly stages: readonly StageConfig[];
  readonly decisions: readonly Decision[];
}

/** How often the first stages show the images of a class, on average. */
const SHOWN = 300;
/** Limits of their epochs. */
const FIRST = { least: 10, most: 30 };

/** Epochs of a plan that does not say how many: ten, or more if ten would show few images of each class. */
export const usualEpochs = (samples: number, classes: number): number =>
  Math.min(Math.max(Math.ceil((SHOWN * classes) / Math.max(1, samples)), FIRST.least), FIRST.most);

/** Number of layer groups that the stages train, one stage after the other. Further stages train 2.5 times as many as the one before. */
const LADDER = [1, 3, 8];
/** The most groups that the first stages train. */
export const FIRST_GROUPS = Math.max(...LADDER);
const GROWTH = 2.5;

/**
 * Factor on the learning rate in the later stages of a gradual plan, after the new head was trained at the whole rate. fastai's `fine_tune`
 * halves it too; docs/defaults.md compares other factors.
 */
export const THAWED_RATE = 0.5;

/**
 * Limits of the distance between the data and the pretraining. Between them, it is the validation error of the head alone. It is the factor
 * on the rate of pretrained layers, and stages that train all layers are longer in proportion to it.
 */
const DISTANCE = { least: 0.1, most: 0.5 };

/** The part of the errors that more training may remove. If the validation set is too small to show that, the training ends. */
const REMOVED = 1 / 3;

/** The part by which a stage has to lower the validation loss to count as a gain. */
const FALL = 0.02;

/** The training metric from which on the training set counts as learned. */
const LEARNED = 0.98;

/** The most epochs, relative to those of the first stages. */
const LONGEST = 12;

/**
 * The first stages: the head, then a few groups, then more. They are decided before the training.
 *
 * @param usual number of epochs, by the data
 */
export function firstStages(
  facts: Pick<PlanFacts, 'config' | 'groups' | 'most'>,
  usual: number = FIRST.least,
): StageConfig[] {
  const { config, groups } = facts;
  const epochs = Math.min(config.epochs ?? usual, usual);
  const counts = ladder(limitOf(facts)).slice(0, LADDER.length);
  const stages = shareEpochs(
    counts.map((count) => lastGroups(count, groups)),
    epochs,
  );
  return stages.map((stage, i) => ({ ...stage, lr: i ? config.lr * THAWED_RATE : config.lr }));
}

/** The plan after a stage: that of the progress, with the rates and the stages that are decided now. */
export function revisedPlan(facts: PlanFacts, progress: Progress): Plan {
  const { stages, decisions } = progress;
  if (!stages) throw new Error('an adaptive training has stages from its start');
  const revised = progress.stage === 1 ? withDistance(facts, progress, { stages, decisions }) : { stages, decisions };
  return progress.stage < stages.length ? revised : withNextStage(facts, progress, revised);
}

/** Numbers of groups that later stages may train: more than the first stages do. */
export const laterCounts = (facts: Pick<PlanFacts, 'config' | 'most'>): number[] =>
  ladder(limitOf(facts)).slice(LADDER.length);

/** The most groups that a stage may train, and their selection. */
const limitOf = ({ config, most }: Pick<PlanFacts, 'config' | 'most'>): number =>
  Math.min(config.thawMost ?? most, most);
const widest = (facts: PlanFacts): string => lastGroups(limitOf(facts), facts.groups);

/** The numbers of groups, up to `most`. */
function ladder(most: number): number[] {
  const counts = [...LADDER];
  while (counts.at(-1)! < most) counts.push(Math.ceil(counts.at(-1)! * GROWTH));
  return [...new Set(counts.map((count) => Math.max(1, Math.min(count, most))))];
}

/** Chooses the rates and lengths of the stages after the head, once it has trained. */
function withDistance(facts: PlanFacts, progress: Progress, { stages, decisions }: Plan): Plan {
  const { config, metric } = facts;
  const distance = distanceOf(facts, progress);
  if (distance === undefined) return { stages, decisions };
  const rate = config.pretrainedRate === undefined ? { pretrainedRate: distance } : {};
  const adapted = stages.map((stage, i) =>
    i < progress.stage ? stage : { ...stage, ...rate, epochs: lengthOf(facts, progress, stage) },
  );
  const message = `the head alone reaches ${percent(metricOf(metric, bestOf(progress, metric)))}, so pretrained layers learn at ${config.pretrainedRate ?? distance} times the rate`;
  return { stages: within(facts, adapted), decisions: [...decisions, decision(progress, 'rate', message)] };
}

/** How far the data is from the pretraining; undefined if the metric has no best value. */
function distanceOf({ metric }: PlanFacts, progress: Progress): number | undefined {
  const error = errorOf(metric, bestOf(progress, metric, 1));
  if (error === undefined) return undefined;
  return Number(Math.min(Math.max(error, DISTANCE.least), DISTANCE.most).toFixed(2));
}

/** Epochs of a stage: as many as one of the first stages, and more if it trains all layers and the data is far. */
function lengthOf(
  facts: PlanFacts,
  progress: Progress,
  { train, epochs }: Pick<StageConfig, 'train' | 'epochs'>,
): number {
  if (train !== widest(facts)) return epochs;
  return Math.round((epochs * (distanceOf(facts, progress) ?? DISTANCE.least)) / DISTANCE.least);
}

/** The stages within the limit of epochs. */
function within({ config }: PlanFacts, stages: readonly StageConfig[]): StageConfig[] {
  let left = config.epochs ?? Number.POSITIVE_INFINITY;
  return stages.flatMap((stage) => {
    const epochs = Math.min(stage.epochs, left);
    left -= epochs;
    return epochs ? [{ ...stage, epochs }] : [];
  });
}

/** Adds a stage if the validation scores promise a gain by it. */
function withNextStage(facts: PlanFacts, progress: Progress, { stages, decisions }: Plan): Plan {
  const verdict = judge(facts, progress, stages);
  const decided = [...decisions, decision(progress, verdict.decision, verdict.message)];
  return { stages: verdict.stage ? [...stages, verdict.stage] : stages, decisions: decided };
}

interface Verdict extends Pick<Decision, 'decision' | 'message'> {
  readonly stage?: StageConfig;
}

/** Whether to go on, and how. */
function judge(facts: PlanFacts, progress: Progress, stages: readonly StageConfig[]): Verdict {
  const { config, groups, metric, samples, classes } = facts;
  const stop = (message: string): Verdict => ({ decision: 'stop', message: `no more stages: ${message}` });
  const best = bestOf(progress, metric);
  const error = errorOf(metric, best);
  if (error !== undefined) {
    const noise = Math.sqrt((error * (1 - error)) / samples.val);
    if (error * REMOVED <= noise) {
      const wrong = `${percent(error)} is left to gain, and ${plural(samples.val, 'validation sample')} measure the ${metric.title} to ${percent(noise)}`;
      return stop(error === 0 ? `the validation ${metric.title} cannot get better` : wrong);
    }
  }
  const before = progress.stage > 1 ? bestOf(progress, metric, progress.stage - 1) : undefined;
  const rise = before ? merit(metric, best) - merit(metric, before) : 0;
  const fall = before ? 1 - lowestLoss(progress, progress.stage) / lowestLoss(progress, progress.stage - 1) : 1;
  const learned = metric.form === 'share' && metricOf(metric, progress.rows.at(-1)!.train) >= LEARNED;

  const last = stages[stages.length - 1];
  const counts = ladder(limitOf(facts));
  const wider = counts[counts.findIndex((count) => lastGroups(count, groups) === last.train) + 1];
  const gained = rise > 0 || fall >= FALL;
  if (wider === undefined && learned) return stop('all layers train, and the training set is learned');
  if (!gained && (learned || wider === undefined)) return stop('the last one gained nothing');

  const first = firstStages(facts, usualEpochs(samples.train, classes)).at(-1)!;
  const train = wider === undefined ? last.train : lastGroups(wider, groups);
  const most = Math.min(config.epochs ?? Number.POSITIVE_INFINITY, LONGEST * usualEpochs(samples.train, classes));
  const epochs = Math.min(lengthOf(facts, progress, { train, epochs: first.epochs }), most - progress.epoch);
  if (epochs < 1) return stop(`${plural(progress.epoch, 'epoch')} are the limit`);
  const reason = gained
    ? `the last stage ${rise > 0 ? `raised the ${metric.title} by ${percent(rise)}` : `lowered the validation loss by ${percent(fall)}`}`
    : 'the training set is not learned yet';
  return {
    decision: wider === undefined ? 'repeat' : 'thaw',
    message: `${wider === undefined ? `train ${selectionText(train)} again` : `thaw ${selectionText(train)}`} for ${plural(epochs, 'epoch')}, because ${reason}`,
    stage: { ...last, train, epochs },
  };
}

const decision = ({ stage, epoch }: Progress, kind: Decision['decision'], message: string): Decision => ({
  decision: kind,
  stage,
  epoch,
  message,
});

/** The best validation scores of the stages up to this one, counted from 1. */
function bestOf({ rows, stage: last }: Progress, metric: Metric, stage = last): Scores {
  return rows
    .filter((row) => row.stage <= stage)
    .map(({ val }) => val)
    .reduce((a, b) => (isBetter(metric, b, a) ? b : a));
}

/** The lowest validation loss of the stages up to this one. */
const lowestLoss = ({ rows }: Progress, stage: number): number =>
  Math.min(...rows.filter((row) => row.stage <= stage).map(({ val }) => val.loss));

/** The distance of a metric from its best value; undefined if it has none. */
const errorOf = (metric: Metric, scores: Scores): number | undefined =>
  metric.form === 'share' ? 1 - metricOf(metric, scores) : undefined;

const percent = (share: number): string => `${(100 * share).toFixed(1)}%`;

const plural = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? '' : 's'}`;
