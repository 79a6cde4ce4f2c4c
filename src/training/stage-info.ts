import type { Inference } from '../compiler/shapes/index.ts';
import type { TrainingPlan } from '../compiler/step/index.ts';
import { selectionText } from '../compiler/surgery/index.ts';
import { elementCount } from '../onnx/index.ts';
import { type Metric, merit, metricOf } from '../tasks/index.ts';
import type { StageConfig, TrainingConfig } from './config.ts';
import type { EpochRow, StageEnd, StageInfo, StagePlan } from './events.ts';
import type { Anatomy } from './plan.ts';
import { bestScores, type Progress } from './progress.ts';
import { rateFactor } from './rollback.ts';
import { secondsOf } from './stopping.ts';

/** A plan in words. */
export const stagePlans = (stages: readonly StageConfig[]): StagePlan[] =>
  stages.map(({ train, epochs }) => ({ train: selectionText(train), epochs }));

interface StageOf {
  readonly network: Inference;
  readonly anatomy: Anatomy;
  readonly config: TrainingConfig;
}

/** A stage as its event reports it. @param planOf the plan of a stage */
export function stageInfo(
  { network, anatomy, config: training }: StageOf,
  stage: StageConfig,
  stages: readonly StageConfig[],
  progress: Progress,
  planOf: (stage: StageConfig) => TrainingPlan,
): StageInfo {
  return {
    stage: progress.stage + 1,
    stages: stages.length,
    train: selectionText(stage.train),
    ...layersOf(network, anatomy, planOf(stage), stages.slice(0, progress.stage).map(planOf)),
    epochs: stage.epochs,
    lr: (stage.lr ?? training.lr) * rateFactor(training, progress),
  };
}

/** The layers that a plan trains, and the number of parameters. @param earlier plans of the stages before */
export function layersOf(
  { model }: Inference,
  { groups }: Pick<Anatomy, 'groups'>,
  { trainable }: TrainingPlan,
  earlier: readonly TrainingPlan[],
): Pick<StageInfo, 'groups' | 'thawed' | 'trainable' | 'frozen'> {
  const { initializers } = model.graph;
  const size = (names: Iterable<string>) =>
    [...names].reduce((all, name) => all + elementCount(initializers.get(name)!.shape), 0);
  const having = (wanted: (name: string) => boolean) =>
    groups.filter(({ parameters }) => parameters.some(wanted)).map(({ name }) => name);
  const all = groups.flatMap((group) => group.parameters);
  return {
    groups: having((name) => trainable.has(name)),
    thawed: having((name) => trainable.has(name) && !earlier.some((before) => before.trainable.has(name))),
    trainable: size(trainable),
    frozen: size(all) - size(trainable),
  };
}

/** The current stage, and the validation scores before it and of its best epoch. */
export function gainOf({ stage, entry, rows }: Progress, metric: Metric): Pick<StageEnd, 'stage' | 'before' | 'after'> {
  const after = bestScores(
    metric,
    rows.filter((row) => row.stage === stage + 1),
  );
  return { stage: stage + 1, before: entry, after };
}

/** What the epochs of a stage came to. */
export function stageResults(
  rows: readonly EpochRow[],
  stage: number,
  metric: Metric,
): { seconds: number; bestAccuracy: number | null } {
  const own = rows.filter((row) => row.stage === stage);
  return {
    seconds: secondsOf(own),
    bestAccuracy: own.length
      ? metricOf(
          metric,
          own.map(({ val }) => val).reduce((a, b) => (merit(metric, b) > merit(metric, a) ? b : a)),
        )
      : null,
  };
}
