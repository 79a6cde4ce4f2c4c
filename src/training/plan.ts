import { PLAN_DEFAULTS, type TrainingPlan } from '../artifacts/index.ts';
import { ThawError } from '../errors.ts';
import { type Head, type LayerGroup, matchesGlob, selectParameters } from '../layers/index.ts';
import type { StageConfig, TrainingConfig } from './config.ts';

/** What training needs to know of a model besides its graph. */
export interface Anatomy {
  /** Input side first, the head last. */
  readonly groups: readonly LayerGroup[];
  readonly head: Head;
}

/**
 * The stages of a configuration: those written out, one for `trainable`, or a preset's. Gradual thawing starts with the head
 * alone (Howard and Ruder, 2018) and ends with the larger part of the network, not all of it: the first layers' edges and
 * colours serve any picture, and freezing them is what makes the steps cheap.
 */
export function planStages(config: TrainingConfig, anatomy: Anatomy): StageConfig[] {
  if (config.stages) return config.stages;
  if (config.trainable) return shareEpochs([config.trainable], config.epochs ?? 10);
  switch (config.preset) {
    case 'head-only':
      return shareEpochs(['head'], config.epochs ?? 10);
    case 'full':
      return shareEpochs(['all'], config.epochs ?? 10);
    case 'gradual':
      return shareEpochs(gradual(config, anatomy.groups.length), config.epochs ?? 10);
  }
}

function gradual({ thawBy, thawMost }: TrainingConfig, groups: number): string[] {
  const most = Math.min(thawMost ?? Math.max(2, Math.ceil((groups * 2) / 3)), groups);
  const by = thawBy ?? Math.max(1, Math.ceil((most - 1) / 2));
  const selections = ['head'];
  for (let thawed = 1 + by; thawed < most + by; thawed += by) selections.push(`last:${Math.min(thawed, most)}`);
  return selections;
}

/** The first stages get the odd epochs' fewer ones: later stages have more to learn. */
function shareEpochs(selections: readonly StageConfig['train'][], epochs: number): StageConfig[] {
  const each = Math.floor(epochs / selections.length);
  const more = epochs % selections.length;
  return selections
    .map((train, i) => ({ train, epochs: each + (i >= selections.length - more ? 1 : 0) }))
    .filter((stage) => stage.epochs > 0);
}

/** What the compiler makes of one stage. @param thawedAt updates before each parameter's first, for those already training */
export function trainingPlan(
  config: TrainingConfig,
  stage: StageConfig,
  { groups, head }: Anatomy,
  output: string,
  thawedAt: Readonly<Record<string, number>>,
  step: number,
): TrainingPlan {
  const all = groups.flatMap((group) => group.parameters);
  const trainable = selectParameters(stage.train, groups, head, all);
  if (trainable.size === 0) {
    throw new ThawError(
      'bad-config',
      `stage "${stage.train}" trains nothing`,
      'See `thaw inspect` for the layer groups',
    );
  }
  const { name: optimizer, ...optimizerOptions } = config.optimizer;
  const { name: loss, ...lossOptions } = config.loss;
  return {
    ...PLAN_DEFAULTS,
    trainable,
    output,
    loss,
    lossOptions,
    optimizer,
    optimizerOptions: defined(optimizerOptions),
    l2: config.l2,
    dropout: config.dropout ? { value: head.input, into: new Set(head.outputs), rate: config.dropout } : undefined,
    learningRateScales: rateScales(config, stage, groups, head),
    stepOffsets: new Map([...trainable].map((parameter) => [parameter, thawedAt[parameter] ?? step])),
    batchNorm: stage.batchNorm ?? config.batchNorm,
  };
}

const defined = <T extends object>(record: T): T =>
  Object.fromEntries(Object.entries(record).filter(([, value]) => value !== undefined)) as T;

function rateScales(
  config: TrainingConfig,
  stage: StageConfig,
  groups: readonly LayerGroup[],
  head: Head,
): Map<string, number> {
  const scales = new Map<string, number>();
  for (const group of groups) {
    const own = Object.entries(config.groupRates)
      .filter(([pattern]) => matchesGlob(pattern, group.name))
      .reduce((all, [, factor]) => all * factor, 1);
    for (const parameter of group.parameters) {
      const pretrained = head.parameters.includes(parameter) ? 1 : (stage.pretrainedRate ?? config.pretrainedRate);
      if (own * pretrained !== 1) scales.set(parameter, own * pretrained);
    }
  }
  return scales;
}
