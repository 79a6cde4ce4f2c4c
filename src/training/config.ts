import * as z from 'zod';
import { LOSSES, type LossName } from '../compiler/losses/index.ts';
import { OPTIMIZERS, type OptimizerName } from '../compiler/optimizers/index.ts';
import { ThawError } from '../errors.ts';
import { firstIssue, plainWords } from '../schema-words.ts';
import { WARMUP_NAMES } from './averaging.ts';
import { scheduleSchema } from './schedules.ts';

const names = <T extends string>(record: Record<T, unknown>) => Object.keys(record) as [T, ...T[]];
const share = z.number().min(0).max(1);
const rate = z.number().positive();
const selection = z.union([z.string().min(1), z.array(z.string().min(1)).min(1)]);
const groupRates = z.record(z.string(), z.number().min(0));
const layerDecay = z.number().gt(0).max(1);

/** Refuses options of other optimizers or losses. */
function refuseOthers(
  name: string,
  given: Record<string, unknown>,
  takes: readonly string[],
  context: z.core.$RefinementCtx,
): void {
  for (const [option, value] of Object.entries(given)) {
    if (value === undefined || takes.includes(option)) continue;
    const message = `${name} takes ${takes.length ? takes.join(', ') : 'no options'}`;
    context.addIssue({ code: 'custom', path: [option], message });
  }
}

const optimizer = z
  .strictObject({
    name: z.enum(names<OptimizerName>(OPTIMIZERS)).default('adamw'),
    momentum: share.optional(),
    nesterov: z.boolean().optional(),
    beta1: share.optional(),
    beta2: share.optional(),
    epsilon: rate.optional(),
    /** Decoupled from the gradient in adamw, lion, adafactor and muon; none on biases and normalization parameters. */
    weightDecay: z.number().min(0).optional(),
    amsgrad: z.boolean().optional(),
    decoupled: z.boolean().optional(),
    alpha: share.optional(),
    centered: z.boolean().optional(),
    momentumDecay: z.number().min(0).optional(),
    beta2Decay: z.number().max(0).optional(),
    epsilon2: rate.optional(),
    clipThreshold: rate.optional(),
    iterations: z.number().int().min(1).max(99).optional(),
    adjustRate: z.enum(['original', 'match_rms_adamw']).optional(),
  })
  .superRefine(({ name, ...given }, context) =>
    refuseOthers(name, given, Object.keys(OPTIMIZERS[name].defaults), context),
  );

const loss = z
  .strictObject({
    name: z.enum(names<LossName>(LOSSES)).default('cross-entropy'),
    axis: z.number().int().optional(),
    /** Share of the target that is spread evenly over all classes. */
    labelSmoothing: share.optional(),
    classWeights: z.array(rate).optional(),
    ignoreLabel: z.number().int().optional(),
    softLabels: z.boolean().optional(),
    mask: z.boolean().optional(),
    positiveWeights: z.array(rate).optional(),
    delta: rate.optional(),
    kind: z.enum(['sigmoid', 'softmax']).optional(),
    gamma: z.number().min(0).optional(),
    alpha: z.number().max(1).optional(),
    temperature: rate.optional(),
    meanOver: z.enum(['samples', 'places']).optional(),
    margin: rate.optional(),
    mining: z.enum(['hard', 'all']).optional(),
  })
  .superRefine(({ name, ...given }, context) => refuseOthers(name, given, LOSSES[name].takes ?? [], context));

/** A number, also as text from a flag; other values unchanged, so that an error can show them. */
const numeric = (value: unknown): unknown => (Number.isNaN(Number(value)) ? value : Number(value));

/** A whole number as text, from a flag, as a number; other values unchanged. */
const countOf = (value: number | string): unknown => (/^\d+$/.test(String(value)) ? Number(value) : value);

/** Takes a single number as one option of an object. */
const shorthand = (option: string) => (value: unknown) =>
  value === undefined || typeof value === 'object' ? value : { [option]: numeric(value) };

/** A number is the largest norm. */
const clip = z.preprocess(
  shorthand('norm'),
  z
    .strictObject({ norm: rate.optional(), value: rate.optional(), adaptive: rate.optional() })
    .refine(
      (given) => Object.values(given).filter((v) => v !== undefined).length === 1,
      'takes one of norm, value, adaptive',
    ),
);

const dropRate = z.number().min(0).max(0.99);
const dropout = z.preprocess(
  (v) => (typeof v === 'string' && v.trim() !== '' ? numeric(v) : v),
  z.union([dropRate, z.record(z.string().min(1), dropRate)]).default(0),
);

/** A weight, or an object. */
const distill = z.preprocess(
  shorthand('weight'),
  z
    .strictObject({
      of: z.enum(['features', 'scores']).default('features'),
      weight: z.number().min(0).default(1),
      temperature: rate.default(2),
    })
    .refine(({ of, weight }) => of === 'features' || weight <= 1, 'of scores takes a weight from 0 to 1')
    .optional(),
);

/** α, or an object with α and β. */
const l2sp = z.preprocess(
  shorthand('alpha'),
  z.strictObject({ alpha: z.number().min(0).default(0.1), beta: z.number().min(0).default(0.01) }).optional(),
);

/** `true`, a rank (also as text, from a flag), or an object with the options of adapters. */
const lora = z.preprocess(
  (v) => {
    if (typeof v === 'boolean') return v ? {} : undefined;
    return shorthand('rank')(v);
  },
  z
    .strictObject({
      rank: z.number().int().positive().default(8),
      /** α of α/r · BA; the rank unless given. */
      alpha: rate.optional(),
      /** The layers, in the language of `train`. An operator's name, or the path of a module or its end, also selects layers. */
      targets: selection.default('all'),
      dropout: dropRate.default(0),
    })
    .optional(),
);

/** A number is the decay. */
const ema = z.preprocess(
  shorthand('decay'),
  z.strictObject({ decay: z.number().min(0).lt(1), warmup: z.enum(WARMUP_NAMES).default('power') }),
);

/** A number is the most rollbacks. */
const rollbacks = z.preprocess(
  shorthand('most'),
  z.strictObject({ most: z.number().int().min(0).default(3), factor: z.number().gt(0).lt(1).default(0.5) }),
);

export const stageSchema = z.strictObject({
  /** The layers: `head`, `last:2`, `all`, a group's name, a glob or /regex/ on parameter names, or a list of these. */
  train: selection,
  epochs: z.number().int().positive(),
  lr: rate.optional(),
  schedule: scheduleSchema.optional(),
  /** Factor on the rate of parameters outside the head. */
  pretrainedRate: z.number().min(0).optional(),
  layerDecay: layerDecay.optional(),
  groupRates: groupRates.optional(),
  /** The stage ends after so many epochs without a better validation accuracy. */
  patience: z.number().int().positive().optional(),
  /** The stage ends when the validation metric reaches this. */
  until: z.number().optional(),
  batchNorm: z.enum(['frozen', 'training']).optional(),
});

/** All settings that change the result of a training, by the names of the flags and of the config file. */
export const trainingSchema = z.strictObject({
  seed: z
    .number()
    .int()
    .min(0)
    .max(2 ** 32 - 1)
    .default(0),
  batch: z.number().int().positive().default(16),
  /** Batches of one update, by the mean gradient over all their samples. The last update of an epoch takes the batches that are left. */
  accumulate: z.number().int().positive().default(1),
  /** Steps in one run of a session. By default one, or several if each run copies the state to the device and back. */
  stepsPerRun: z.number().int().min(1).max(256).optional(),
  /** Total epochs, over all stages. Stages without their own number get equal shares. The preset `adaptive` takes no more than these. */
  epochs: z.number().int().positive().optional(),
  /** The rate of the head. Pretrained parameters get `pretrainedRate` times as much. */
  lr: rate.default(2e-3),
  /** Unless given, 0.1; the preset `adaptive` chooses it after the head has trained. */
  pretrainedRate: z.number().min(0).optional(),
  /** Factor on the rate from each layer group to the one before it. The head is the last group. */
  layerDecay: layerDecay.default(1),
  /** More factors on the rate, by layers in the language of `train`. */
  groupRates: groupRates.default({}),
  /** See `planStages`. */
  preset: z.enum(['adaptive', 'gradual', 'head-only', 'full', 'fastai', 'lp-ft']).default('adaptive'),
  /** Preset `gradual`: the layers that each stage thaws, in addition to those of the stages before. */
  thaw: z.array(selection).min(1).optional(),
  /** Preset `gradual`: how many more layer groups each stage thaws. The default is three stages. */
  thawBy: z.number().int().positive().optional(),
  /** The most groups that a stage trains, with `thawBy` and in the preset `adaptive`. */
  thawMost: z.number().int().positive().optional(),
  /** Epochs in which the rate of newly thawed layers rises to its full value. */
  thawWarmup: z.number().min(0).default(0),
  /** One stage that trains these layers, instead of a preset. */
  trainable: selection.optional(),
  /** The stages, instead of a preset. */
  stages: z.array(stageSchema).min(1).optional(),
  schedule: scheduleSchema.default(() => scheduleSchema.parse('cosine')),
  optimizer: z
    .preprocess((v) => (typeof v === 'string' ? { name: v } : v), optimizer)
    .default(() => optimizer.parse({})),
  loss: z.preprocess((v) => (typeof v === 'string' ? { name: v } : v), loss).default(() => loss.parse({})),
  /** Clips gradients by their norm, by value, or adaptively (each unit's norm relative to that of its weights, except in the head). */
  clip: clip.optional(),
  /** Exponential moving average of weights and statistics. The averages are evaluated and shipped. */
  ema: ema.optional(),
  /** If the loss becomes NaN or explodes, training restarts the epoch: at most so often, with this factor on the learning rate. */
  rollbacks: rollbacks.default(() => rollbacks.parse({})),
  /** λ of λ·Σw² in the loss. */
  l2: z.number().min(0).default(0),
  /** λ of λ·Σ|w| in the loss. */
  l1: z.number().min(0).default(0),
  /** α and β of α/2·Σ(w − w⁰)² for pretrained weights w⁰ and β/2·Σw² for the head. */
  l2sp,
  /** Dropout before the head, or rates by place: `head`, a layer group (its end), the name of a value or node, a glob or /regex/. */
  dropout,
  /** Distillation from the pretrained network: of its features, or of its scores if the network keeps the head. */
  distill,
  /** Probability that the last residual branch is skipped for a sample. It rises linearly from the first branch to the last. */
  stochasticDepth: dropRate.default(0),
  /** Low-rank adapters. Only they and the head train; all other weights stay frozen. */
  lora,
  /** Training ends when the validation accuracy, or another metric of the task, reaches this. */
  target: z.number().min(0).optional(),
  /** Training ends when the validation metric is perfect and the losses no longer fall. */
  stopWhenPerfect: z.boolean().default(true),
  /** Training ends before an epoch that would take its time above so many minutes. */
  minutes: z.number().positive().optional(),
  /** A stage ends after so many epochs without a better validation accuracy. */
  patience: z.number().int().positive().optional(),
  batchNorm: z.enum(['frozen', 'training']).default('frozen'),
  /** Whether gradients recompute the results of activations and normalizations, instead of keeping them. */
  recompute: z.boolean().default(false),
  /** α of the Beta distribution by which two images of a batch are blended; 0 turns it off. */
  mixup: z.number().min(0).default(0),
  /** The same for a rectangle of one image in another. If both are on, each batch uses one of them. */
  cutmix: z.number().min(0).default(0),
  /** Part of the batches that are blended, if `mixup` or `cutmix` is on. */
  mixProbability: share.default(1),
  /**
   * Augmented views of each image that a stage shows in turn if part of the network is frozen; 0 for a new view every epoch. `auto`: three,
   * or two for a head that trains alone and soon makes few errors.
   */
  views: z.preprocess(countOf, z.union([z.enum(['auto']), z.number().int().min(0)])).default('auto'),
});

export type TrainingConfig = z.output<typeof trainingSchema>;
export type TrainingConfigInput = z.input<typeof trainingSchema>;
export type StageConfig = NonNullable<TrainingConfig['stages']>[number];

const SEE = 'See `thaw train --help` for the settings';

/**
 * Fills in defaults.
 *
 * @throws ThawError `bad-config` naming the setting and its possible values
 */
export function parseConfig<S extends z.ZodType>(schema: S, input: unknown): z.output<S> {
  const result = schema.safeParse(input, { error: plainWords });
  if (result.success) return result.data;
  const { where, words } = firstIssue(result.error);
  throw new ThawError('bad-config', `${where ? `setting ${where}` : 'the settings'}: ${words}`, SEE);
}
