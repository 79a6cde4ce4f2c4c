import {
  type LayerGroup,
  lastGroups,
  type Selection,
  suggestPlan,
  trainableGroups,
} from '../compiler/surgery/index.ts';
import type { StageConfig, TrainingConfig } from './config.ts';
import type { Anatomy } from './plan.ts';

/** The stages of a configuration: its own, one for `trainable`, or those of a preset. A preset trains only layers that gradients can reach. */
export function planStages(config: TrainingConfig, { groups, obstacles = [] }: Anatomy): StageConfig[] {
  if (config.stages) return config.stages;
  if (config.trainable) return shareEpochs([config.trainable], config.epochs ?? EPOCHS);
  return PRESETS[config.preset](config, { groups, most: trainableGroups(groups, obstacles) });
}

/** The number of epochs unless the user or the preset sets it. */
const EPOCHS = 10;

interface Reach {
  readonly groups: readonly LayerGroup[];
  /** How many groups can be trained, counted from the last. */
  readonly most: number;
}

const PRESETS: Record<TrainingConfig['preset'], (config: TrainingConfig, reach: Reach) => StageConfig[]> = {
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
  'lp-ft'({ epochs = EPOCHS, lr, pretrainedRate }, { groups, most }) {
    const [probe, tune] = shareEpochs(['head', lastGroups(most, groups.length)], epochs);
    return tune ? [probe, { ...tune, lr: lr * pretrainedRate * TUNED_RATE, pretrainedRate: 1 }] : [probe];
  },
};

/**
 * Factor on the learning rate in the later stages of a gradual plan, after the new head was trained at the whole rate. fastai's `fine_tune`
 * halves it too; docs/defaults.md compares other factors.
 */
const THAWED_RATE = 0.5;

/** Factor on the rate of `lp-ft`, whose layers train all at once, relative to other presets; docs/defaults.md has the comparison. */
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
