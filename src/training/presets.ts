import {
  type LayerGroup,
  lastGroups,
  type Selection,
  suggestPlan,
  trainableGroups,
} from '../compiler/surgery/index.ts';
import { laterCounts, limitOf } from './adaptive/index.ts';
import type { StageConfig, TrainingConfig } from './config.ts';
import { type Anatomy, PRETRAINED_RATE } from './plan.ts';
import type { Progress } from './progress.ts';

/**
 * The stages of a configuration: its own, one for `trainable`, or those of a preset. A preset trains only layers that gradients can reach.
 * The preset `adaptive` adds stages to these during the training.
 *
 * @param usual epochs of an adaptive plan's first stages, by the data
 */
export function planStages(
  config: TrainingConfig,
  { groups, obstacles = [] }: Anatomy,
  usual: number = EPOCHS,
): StageConfig[] {
  if (config.stages) return config.stages;
  if (config.trainable) return shareEpochs([config.trainable], config.epochs ?? EPOCHS);
  return PRESETS[config.preset](config, { groups, most: trainableGroups(groups, obstacles), usual });
}

/** Whether the training decides about its stages itself. */
export const isAdaptive = ({ preset, stages, trainable, thaw, thawBy }: TrainingConfig): boolean =>
  preset === 'adaptive' && !stages && !trainable && !thaw && thawBy === undefined;

/** The stages that an adaptive plan may add, and the number of layer groups that the stage before each trains. */
export function laterStages(config: TrainingConfig, { groups, obstacles = [] }: Anatomy) {
  if (!isAdaptive(config)) return [];
  const counts = laterCounts({ config, groups: groups.length, most: trainableGroups(groups, obstacles) });
  return counts.map(({ before, count }) => ({
    before: { count: before, train: lastGroups(before, groups.length) },
    stage: { train: lastGroups(count, groups.length), epochs: 1 },
  }));
}

/** The stages of a training: as it decided, or as its configuration says. */
export const stagesOf = (config: TrainingConfig, anatomy: Anatomy, { stages }: Pick<Progress, 'stages'>) =>
  stages ?? planStages(config, anatomy);

/** The number of epochs unless the user or the preset sets it. */
const EPOCHS = 10;

interface Reach {
  readonly groups: readonly LayerGroup[];
  /** How many groups can be trained, counted from the last. */
  readonly most: number;
  /** Epochs of an adaptive plan's first stages. */
  readonly usual: number;
}

const PRESETS: Record<TrainingConfig['preset'], (config: TrainingConfig, reach: Reach) => StageConfig[]> = {
  /** The stages of `gradual`, to which the training adds others. */
  adaptive(config, reach) {
    if (!isAdaptive(config)) return PRESETS.gradual(config, reach);
    const { usual } = reach;
    const epochs = Math.min(config.epochs ?? usual, usual);
    return PRESETS.gradual({ ...config, epochs }, { ...reach, most: limitOf({ config, most: reach.most }) });
  },

  'head-only': ({ epochs = EPOCHS }) => shareEpochs(['head'], epochs),

  full: ({ epochs = EPOCHS }) => shareEpochs(['all'], epochs),

  /** The head first, then more layer groups in each stage. */
  gradual(config, { groups, most }) {
    const { thaw, thawBy, thawMost = most, epochs, lr } = config;
    const suggested = suggestPlan(groups, most);
    const own = thaw ? together(thaw) : thawBy ? thawing(thawBy, Math.min(thawMost, most)) : undefined;
    const all = own ?? suggested.map(({ train }) => train);
    const stages = own || epochs ? shareEpochs(all, epochs ?? EPOCHS) : suggested;
    return stages.map((stage, i) => ({ ...stage, lr: i === 0 ? lr : lr * THAWED_RATE }));
  },

  /**
   * fastai's `Learner.fine_tune`: one epoch of the head alone, then everything at half the rate. The rates of the layer groups go from a
   * hundredth of it to the whole. Both stages use one cycle.
   */
  fastai({ epochs = EPOCHS, lr }, { groups, most }) {
    const frozen: StageConfig = {
      train: 'head',
      epochs: 1,
      lr,
      schedule: { name: 'fit-one-cycle', rise: 0.99, div: 25, finalDiv: 1e5, momentum: [0.85, 0.95] },
    };
    const thawed: StageConfig = {
      train: lastGroups(most, groups.length),
      epochs: epochs - 1,
      lr: lr / 2,
      pretrainedRate: 1,
      layerDecay: SPREAD ** (-1 / Math.max(1, groups.length - 1)),
      schedule: { name: 'fit-one-cycle', rise: 0.3, div: 5, finalDiv: 1e5, momentum: [0.85, 0.95] },
    };
    return epochs > 1 ? [frozen, thawed] : [frozen];
  },

  /**
   * Linear probing, then fine-tuning of all layers at a small rate (Kumar et al., "Fine-tuning can distort pretrained features and
   * underperform out-of-distribution", 2022).
   */
  'lp-ft'({ epochs = EPOCHS, lr, pretrainedRate = PRETRAINED_RATE }, { groups, most }) {
    const [probe, tune] = shareEpochs(['head', lastGroups(most, groups.length)], epochs);
    return tune ? [probe, { ...tune, lr: lr * pretrainedRate * TUNED_RATE, pretrainedRate: 1 }] : [probe];
  },
};

/**
 * Factor on the learning rate in the later stages of a gradual plan, after the new head was trained at the whole rate. fastai's `fine_tune`
 * halves it too; docs/lab/2026-11-defaults.md compares other factors.
 */
const THAWED_RATE = 0.5;

/** Factor on the rate of `lp-ft`, whose layers train all at once, relative to other presets; docs/lab/2026-11-defaults.md has the comparison. */
const TUNED_RATE = 0.3;

/** fastai's `lr_mult`: the rate of the last layer group divided by that of the first. */
const SPREAD = 100;

/** The head, then `by` more groups in each stage, up to `most`. */
function thawing(by: number, most: number): string[] {
  const counts = [1];
  while (counts.at(-1)! < most) counts.push(Math.min(counts.at(-1)! + by, most));
  return counts.map((count) => (count === 1 ? 'head' : `last:${count}`));
}

/** The selection of each stage: that of the stage before it, and more. */
const together = (thaws: readonly Selection[]): string[][] =>
  thaws.map((_, i) => [...new Set(thaws.slice(0, i + 1).flat())]);

/** Equal shares; if epochs remain, later stages get one more, since they train more. With too few epochs, the last stages are left out. */
function shareEpochs(all: readonly StageConfig['train'][], epochs: number): StageConfig[] {
  const selections = all.slice(0, epochs);
  const each = Math.floor(epochs / selections.length);
  const more = epochs % selections.length;
  return selections.map((train, i) => ({ train, epochs: each + (i >= selections.length - more ? 1 : 0) }));
}
