/**
 * The preset `adaptive`: a plan that decides after each stage, by the scores so far. It is a function of the progress, so a resumed training
 * decides like one that never stopped. docs/defaults.md has the experiments behind its numbers.
 */
import { selectionText } from '../../compiler/surgery/index.ts';
import { metricOf } from '../../tasks/index.ts';
import type { StageConfig } from '../config.ts';
import type { Decision } from '../decision.ts';
import type { Progress } from '../progress.ts';
import { secondsOf } from '../stopping.ts';
import { bestOf, distanceOf, gainOfLast, remoteness, roomOf } from './evidence.ts';
import type { PlanFacts } from './facts.ts';
import { widerThan } from './ladder.ts';

/** A plan as a progress holds it. */
export interface Plan {
  readonly stages: readonly StageConfig[];
  readonly decisions: readonly Decision[];
}

/** The most epochs, relative to those of the first stages. */
const LONGEST = 12;

/** A stage that trains more layers is expected to take so many times as long. */
const SLOWER = 2;

/** The plan after a stage: that of the progress, with the rates, lengths and stages that are decided now. */
export function revisedPlan(facts: PlanFacts, progress: Progress): Plan {
  const { stages, decisions } = progress;
  if (!stages) throw new Error('an adaptive training has stages from its start');
  const plan = progress.stage === 1 ? adjusted(facts, progress, { stages, decisions }) : { stages, decisions };
  if (progress.stage < plan.stages.length) return plan;
  const { stage, ...made } = nextStage(facts, progress, plan.stages);
  return {
    stages: stage ? [...plan.stages, stage] : plan.stages,
    decisions: [...plan.decisions, decided(progress, made)],
  };
}

/** The plan after the head has trained: later stages learn faster, and those of all layers take longer, the farther the data is. */
function adjusted(facts: PlanFacts, progress: Progress, { stages, decisions }: Plan): Plan {
  const { config, metric } = facts;
  const distance = distanceOf(facts, progress);
  if (distance === undefined) return { stages, decisions };
  const pretrainedRate = config.pretrainedRate ?? distance;
  const [done, planned] = [stages.slice(0, progress.stage), stages.slice(progress.stage)];
  const wanted = planned.map((stage) => ({ ...stage, pretrainedRate, epochs: lengthOf(facts, progress, stage) }));
  const later = within(config.epochs, progress.epoch, wanted);
  const longer = later.find(({ epochs }, i) => epochs > planned[i].epochs);
  const message = [
    `the head alone reaches ${percent(metricOf(metric, bestOf(progress, metric)))}`,
    `so pretrained layers learn at ${pretrainedRate} times the rate`,
    ...(longer ? [`and ${layersIn(longer.train)} train for ${longer.epochs} epochs`] : []),
  ].join(', ');
  return { stages: [...done, ...later], decisions: [...decisions, decided(progress, { decision: 'rate', message })] };
}

/** The stages, shortened to a limit of epochs. */
function within(limit = Number.POSITIVE_INFINITY, done: number, stages: readonly StageConfig[]): StageConfig[] {
  let left = limit - done;
  return stages.flatMap((stage) => {
    const epochs = Math.min(stage.epochs, left);
    left -= epochs;
    return epochs > 0 ? [{ ...stage, epochs }] : [];
  });
}

/** The stage that is worth its time, or why there is none. */
function nextStage(
  facts: PlanFacts,
  progress: Progress,
  stages: readonly StageConfig[],
): Pick<Decision, 'decision' | 'message'> & { readonly stage?: StageConfig } {
  const stop = (why: string) => ({ decision: 'stop' as const, message: `no more stages: ${why}` });
  const { metric, validation } = facts;
  const room = roomOf(facts, progress);
  if (room?.error === 0) return stop(`the validation ${metric.title} cannot get better`);
  if (room && !room.isMeasurable) {
    const { error, noise } = room;
    return stop(
      `${percent(error)} is left to gain, and ${validation} validation samples measure the ${metric.title} to ±${percent(noise)} only`,
    );
  }
  const last = stages[stages.length - 1];
  const wider = widerThan(last.train, facts);
  const { rise, fall, learned, isGain, isLearned } = gainOfLast(facts, progress);
  if (!wider && isLearned) return stop('all layers have trained, and the training set is learned');
  const isFar = remoteness(facts, progress) > 1;
  if (!isGain && !(wider && (isFar || !isLearned))) return stop('the last one gained nothing');

  const train = wider ?? last.train;
  const epochs = epochsFor(facts, progress, train, wider ? SLOWER : 1);
  if (epochs < 1) return stop('the limit of epochs or minutes is reached');
  const gain = rise > 0 ? `raised the ${metric.title}` : `lowered the validation loss by ${percent(fall)}`;
  const why = isGain
    ? `the last stage ${gain}`
    : isLearned
      ? 'the data is far from the pretraining'
      : `only ${percent(learned)} of the training set is learned`;
  return {
    decision: wider ? 'thaw' : 'repeat',
    message: `${wider ? 'thaw' : 'train'} ${layersIn(train)} for ${epochs} ${wider ? '' : 'more '}epochs: ${why}`,
    stage: { ...last, train, epochs },
  };
}

/** Epochs of the next stage, within all limits. @param slower its expected time for an epoch, relative to the last one */
function epochsFor(facts: PlanFacts, progress: Progress, train: StageConfig['train'], slower: number): number {
  const { config, first } = facts;
  const { rows, epoch } = progress;
  const longest = LONGEST * first.reduce((all, { epochs }) => all + epochs, 0);
  const minutes = config.minutes ?? Number.POSITIVE_INFINITY;
  const affordable = (60 * minutes - secondsOf(rows)) / (slower * rows[rows.length - 1].seconds);
  return Math.floor(
    Math.min(
      lengthOf(facts, progress, { ...first[first.length - 1], train }),
      Math.min(config.epochs ?? Number.POSITIVE_INFINITY, longest) - epoch,
      affordable,
    ),
  );
}

/** Epochs of a stage, longer if it trains all layers and the data is far. */
const lengthOf = (facts: PlanFacts, progress: Progress, { train, epochs }: StageConfig): number =>
  widerThan(train, facts) ? epochs : Math.round(epochs * remoteness(facts, progress));

const decided = ({ stage, epoch }: Progress, made: Pick<Decision, 'decision' | 'message'>): Decision => ({
  decision: made.decision,
  stage,
  epoch,
  message: made.message,
});

/** A selection in words. */
const layersIn = (train: StageConfig['train']): string => {
  const text = selectionText(train);
  return text === 'all' ? 'all layers' : `the layers ${text}`;
};

const percent = (share: number): string => `${(100 * share).toFixed(1)}%`;
