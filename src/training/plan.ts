import { OPTIMIZERS } from '../compiler/optimizers/index.ts';
import type { Inference } from '../compiler/shapes/index.ts';
import { type Distillation, frozenBoundary, PLAN_DEFAULTS, type TrainingPlan } from '../compiler/step/index.ts';
import {
  type Adapter,
  type Head,
  type LayerGroup,
  type Obstacle,
  type Omission,
  type Place,
  type Residual,
  refuseCutOff,
  selectionText,
  selectParameters,
  type Teacher,
} from '../compiler/surgery/index.ts';
import { ThawError } from '../errors.ts';
import { own } from '../own.ts';
import type { StageConfig, TrainingConfig } from './config.ts';
import { dropoutPlans } from './dropout-plans.ts';
import type { Progress } from './progress.ts';
import { movesMomentum } from './schedules.ts';

/** The parts of a model that a plan refers to. */
export interface PlanAnatomy {
  /** Input side first, the head last. */
  readonly groups: readonly LayerGroup[];
  /** A model that is not a classifier has none. Its graphs can be compiled, but not trained. */
  readonly head?: Head;
  /** Nodes that no gradient can pass. */
  readonly obstacles?: readonly Obstacle[];
  /** Tensors that no stage can train. */
  readonly omitted?: readonly Omission[];
  /** Low-rank adapters. If there are some, only they and the head train. */
  readonly adapters?: readonly Adapter[];
  /** Residual branches, for stochastic depth, and all values that could have dropout. */
  readonly residuals?: readonly Residual[];
  readonly places?: readonly Place[];
  /** The outputs of the pretrained network, if it is part of the graph, for distillation. */
  readonly teacher?: Teacher;
}

/** The parts of a model that can be trained. */
export interface Anatomy extends PlanAnatomy {
  readonly head: Head;
}

/** Factor on the learning rate of pretrained layers, unless a configuration says otherwise. */
export const PRETRAINED_RATE = 0.1;

/** The progress of a training when a stage is compiled. */
export interface ThawProgress extends Pick<Progress, 'thawedAt' | 'step'> {
  readonly updatesPerEpoch: number;
}

const BEFORE: ThawProgress = { thawedAt: {}, step: 0, updatesPerEpoch: 1 };

/**
 * The plan from which the compiler writes the graphs of a stage.
 *
 * @param progress before the first update unless given
 * @throws ThawError `unsupported-operator` if an obstacle keeps gradients from layers of the stage
 */
export function trainingPlan(
  config: TrainingConfig,
  stage: StageConfig,
  anatomy: PlanAnatomy,
  output: string,
  { thawedAt, step, updatesPerEpoch }: ThawProgress = BEFORE,
): TrainingPlan {
  const { groups, obstacles = [], adapters = [], omitted } = anatomy;
  const all = groups.flatMap((group) => group.parameters);
  const selected = selectParameters(stage.train, groups, all, omitted);
  const trainable = adapters.length ? withAdapters(selected, anatomy) : selected;
  if (trainable.size === 0) {
    throw new ThawError(
      'bad-config',
      `stage "${selectionText(stage.train)}" trains nothing`,
      adapters.length
        ? 'With lora only adapters and the head train: choose layers among its targets'
        : 'See `thaw inspect` for the layer groups',
    );
  }
  refuseCutOff(trainable, groups, obstacles);
  const { name: optimizer, ...optimizerOptions } = config.optimizer;
  const { name: loss, ...lossOptions } = config.loss;
  return {
    ...PLAN_DEFAULTS,
    trainable,
    output,
    loss,
    lossOptions,
    blendedLabels: config.mixup > 0 || config.cutmix > 0,
    optimizer,
    optimizerOptions: defined(optimizerOptions),
    l2: config.l2,
    l1: config.l1,
    l2sp: config.l2sp && { ...config.l2sp, fresh: freshParameters(anatomy) },
    dropout: dropoutPlans(config, anatomy),
    distillation: distillationOf(config, anatomy, output),
    learningRateScales: rateScales(config, stage, groups, freshParameters(anatomy)),
    movesMomentum: movesMomentum(stage.schedule ?? config.schedule) && OPTIMIZERS[optimizer].moves !== undefined,
    thawWarmup: Math.round(config.thawWarmup * updatesPerEpoch),
    stepOffsets: new Map([...trainable].map((parameter) => [parameter, own(thawedAt, parameter) ?? step])),
    batchNorm: stage.batchNorm ?? config.batchNorm,
    recompute: config.recompute,
    accumulate: config.accumulate > 1,
    clip: config.clip && {
      ...config.clip,
      except: new Set(headParameters(anatomy)),
    },
  };
}

/** The plan of the part that stays frozen in the first of these stages and as many of the next ones as possible; undefined if in none. */
export function sharedPlan(network: Inference, plans: readonly TrainingPlan[]): TrainingPlan | undefined {
  const data = new Set(network.model.graph.inputs.map(({ name }) => name));
  for (let count = plans.length; count > 1; count--) {
    const stages = plans.slice(0, count);
    const shared: TrainingPlan = {
      ...plans[0],
      trainable: new Set(stages.flatMap(({ trainable }) => [...trainable])),
      batchNorm: stages.some(({ batchNorm }) => batchNorm === 'training') ? 'training' : 'frozen',
    };
    if (!frozenBoundary(network, shared).some(({ name }) => data.has(name))) return shared;
  }
  return undefined;
}

/** Parameters that are not pretrained: those of the head and of adapters. */
const freshParameters = (anatomy: PlanAnatomy): Set<string> =>
  new Set([...headParameters(anatomy), ...(anatomy.adapters ?? []).flatMap(({ a, b }) => [a, b])]);

export const headParameters = ({ head }: PlanAnatomy): string[] =>
  [head?.weight, head?.bias].filter((name) => name !== undefined);

/** The adapters of the selected weights, and the selected parameters of the head. */
function withAdapters(selected: ReadonlySet<string>, anatomy: PlanAnatomy): Set<string> {
  const { adapters = [] } = anatomy;
  const own = headParameters(anatomy).filter((name) => selected.has(name));
  const beside = adapters.filter(({ weight, a, b }) => [weight, a, b].some((name) => selected.has(name)));
  return new Set([...beside.flatMap(({ a, b }) => [a, b]), ...own]);
}

function distillationOf(
  { distill }: TrainingConfig,
  { teacher, head }: PlanAnatomy,
  output: string,
): Distillation | undefined {
  if (!distill || !teacher || !head) return undefined;
  return distill.of === 'scores'
    ? { ...distill, student: output, teacher: teacher.scores }
    : { ...distill, student: head.input, teacher: teacher.features };
}

const defined = <T extends object>(record: T): T =>
  Object.fromEntries(Object.entries(record).filter(([, value]) => value !== undefined)) as T;

/** The head's is 1; below it pretrainedRate·layerDecay^depth (ELECTRA's, BEiT's and timm's layer-wise decay with pretrainedRate 1). */
function rateScales(
  config: TrainingConfig,
  stage: StageConfig,
  groups: readonly LayerGroup[],
  fresh: ReadonlySet<string>,
): Map<string, number> {
  const all = groups.flatMap((group) => group.parameters);
  const pretrained = stage.pretrainedRate ?? config.pretrainedRate ?? PRETRAINED_RATE;
  const decay = stage.layerDecay ?? config.layerDecay;
  const scales = new Map(
    groups.flatMap(({ parameters }, i) =>
      parameters.map((name) => [name, fresh.has(name) ? 1 : pretrained * decay ** (groups.length - 1 - i)]),
    ),
  );
  for (const [selection, factor] of Object.entries(stage.groupRates ?? config.groupRates)) {
    for (const name of selectParameters(selection, groups, all)) scales.set(name, scales.get(name)! * factor);
  }
  return scales;
}
