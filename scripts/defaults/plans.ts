/** The plans that the experiments compare. */
import type { TrainingSettings } from '../../src/session/index.ts';

/** The settings of a plan. @param lr the usual rate of the model: its recommendation, or the default */
export type Plan = (lr: number) => TrainingSettings;

interface Choice {
  readonly preset: 'head-only' | 'gradual' | 'full' | 'lp-ft' | 'fastai';
  readonly epochs: number;
  /** Factor on the usual rate. */
  readonly lr: number;
  /** Rate of pretrained layers, relative to the head's. The presets `head-only` and `fastai` do not use it. */
  readonly pretrainedRate?: number;
}

/** The plan without settings. */
export const DEFAULT_PLAN = 'default';

/** All values of each setting with all values of the others: 99 plans. */
const grid: Choice[] = (['head-only', 'gradual', 'full', 'lp-ft', 'fastai'] as const).flatMap((preset) =>
  [10, 30, 60].flatMap((epochs) =>
    [1 / 3, 1, 3].flatMap((lr): Choice[] =>
      preset === 'head-only' || preset === 'fastai'
        ? [{ preset, epochs, lr }]
        : [0.1, 0.3, 1].map((pretrainedRate) => ({ preset, epochs, lr, pretrainedRate })),
    ),
  ),
);

/**
 * Eight plans for models whose epochs are slow, with each preset among them. All have the usual `lr`: `pretrainedRate` already varies the
 * rate of the pretrained layers. None has 60 epochs, because such a plan takes as long as two of 30.
 */
const short: Choice[] = [
  { preset: 'head-only', epochs: 30, lr: 1 },
  { preset: 'gradual', epochs: 10, lr: 1, pretrainedRate: 0.1 },
  { preset: 'gradual', epochs: 30, lr: 1, pretrainedRate: 0.1 },
  { preset: 'gradual', epochs: 30, lr: 1, pretrainedRate: 0.3 },
  { preset: 'full', epochs: 30, lr: 1, pretrainedRate: 0.1 },
  { preset: 'full', epochs: 30, lr: 1, pretrainedRate: 0.3 },
  { preset: 'lp-ft', epochs: 30, lr: 1, pretrainedRate: 0.3 },
  { preset: 'fastai', epochs: 30, lr: 1 },
];

/** The name of a plan, such as `gradual-e30-lr1-r0.3`. */
export const nameOf = ({ preset, epochs, lr, pretrainedRate }: Choice): string =>
  [preset, `e${epochs}`, `lr${Number(lr.toFixed(2))}`, ...(pretrainedRate ? [`r${pretrainedRate}`] : [])].join('-');

const planOf =
  ({ preset, epochs, lr, pretrainedRate }: Choice): Plan =>
  (usual) => ({ preset, epochs, lr: usual * lr, ...(pretrainedRate && { pretrainedRate }) });

export const PLANS: Readonly<Record<string, Plan>> = {
  [DEFAULT_PLAN]: () => ({}),
  ...Object.fromEntries(grid.map((choice) => [nameOf(choice), planOf(choice)])),
};

/** Names for several plans. */
export const PLAN_SETS: Readonly<Record<string, readonly string[]>> = {
  grid: grid.map(nameOf),
  short: short.map(nameOf),
};
