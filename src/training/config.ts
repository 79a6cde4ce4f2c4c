import * as z from 'zod';
import { LOSSES, type LossName } from '../compiler/losses/index.ts';
import { OPTIMIZERS, type OptimizerName } from '../compiler/optimizers/index.ts';
import { ThawError } from '../errors.ts';
import { wordsOf } from '../json.ts';
import { WARMUP_NAMES } from './averaging.ts';
import { scheduleSchema } from './schedules.ts';

const names = <T extends string>(record: Record<T, unknown>) => Object.keys(record) as [T, ...T[]];
const share = z.number().min(0).max(1);
const rate = z.number().positive();
const selection = z.union([z.string().min(1), z.array(z.string().min(1)).min(1)]);
const groupRates = z.record(z.string(), z.number().min(0));
const layerDecay = z.number().gt(0).max(1);

/** Options that belong to others of the same kind. */
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

/** A number is the greatest norm. */
const clip = z.preprocess(
  (v) => (v === undefined || typeof v === 'object' ? v : { norm: Number(v) }),
  z
    .strictObject({ norm: rate.optional(), value: rate.optional(), adaptive: rate.optional() })
    .refine(
      (given) => Object.values(given).filter((v) => v !== undefined).length === 1,
      'takes one of norm, value, adaptive',
    ),
);

const dropRate = z.number().min(0).max(0.99);
const dropout = z.preprocess(
  (v) => (typeof v === 'string' && v.trim() !== '' ? Number(v) : v),
  z.union([dropRate, z.record(z.string().min(1), dropRate)]).default(0),
);

/** A weight, or an object. */
const distill = z.preprocess(
  (v) => (v === undefined || typeof v === 'object' ? v : { weight: Number(v) }),
  z
    .strictObject({
      of: z.enum(['features', 'scores']).default('features'),
      weight: z.number().min(0).default(1),
      temperature: rate.default(2),
    })
    .refine(({ of, weight }) => of === 'features' || weight <= 1, 'of scores takes a weight from 0 to 1')
    .optional(),
);

/** α, or both. */
const l2sp = z.preprocess(
  (v) => (v === undefined || typeof v === 'object' ? v : { alpha: Number(v) }),
  z.strictObject({ alpha: z.number().min(0).default(0.1), beta: z.number().min(0).default(0.01) }).optional(),
);

/** `true`, a rank (in words, as a flag has it), or an object with the adapters' options. */
const lora = z.preprocess(
  (v) => {
    if (typeof v === 'boolean') return v ? {} : undefined;
    return typeof v === 'number' || (typeof v === 'string' && /^\d+$/.test(v)) ? { rank: Number(v) } : v;
  },
  z
    .strictObject({
      rank: z.number().int().positive().default(8),
      /** α of α/r · BA; the rank unless given. */
      alpha: rate.optional(),
      /** The layers, in the language of `train`; an operator's name, or a module's path or its end, as well. */
      targets: selection.default('all'),
      dropout: dropRate.default(0),
    })
    .optional(),
);

/** A number is the decay. */
const ema = z.preprocess(
  (v) => (v === undefined || typeof v === 'object' ? v : { decay: Number(v) }),
  z.strictObject({ decay: z.number().min(0).lt(1), warmup: z.enum(WARMUP_NAMES).default('power') }),
);

/** A number is how often at most. */
const rollbacks = z.preprocess(
  (v) => (v === undefined || typeof v === 'object' ? v : { most: Number(v) }),
  z.strictObject({ most: z.number().int().min(0).default(3), factor: z.number().gt(0).lt(1).default(0.5) }),
);

const stage = z.strictObject({
  /** What trains: `head`, `last:2`, `all`, a group's name, a glob or /regex/ on parameter names, or a list of these. */
  train: selection,
  epochs: z.number().int().positive(),
  lr: rate.optional(),
  schedule: scheduleSchema.optional(),
  /** Factor on the rate of parameters outside the head. */
  pretrainedRate: z.number().min(0).optional(),
  layerDecay: layerDecay.optional(),
  groupRates: groupRates.optional(),
  /** Go to the next stage after so many epochs without a better validation accuracy. */
  patience: z.number().int().positive().optional(),
  /** Go to the next stage when the validation metric is as good as this. */
  until: z.number().optional(),
  batchNorm: z.enum(['frozen', 'training']).optional(),
});

/** Everything that decides the numbers of a training, by the names of the flags and of the config file. */
export const trainingSchema = z.strictObject({
  seed: z
    .number()
    .int()
    .min(0)
    .max(2 ** 32 - 1)
    .default(0),
  batch: z.number().int().positive().default(16),
  /** Batches that make one update, by the mean gradient over all their samples; an epoch's last update takes those that are left. */
  accumulate: z.number().int().positive().default(1),
  /** Steps that go into one run of the runtime. Unless given several where a run brings the state to the device and back, else one. */
  stepsPerRun: z.number().int().min(1).max(256).optional(),
  /** Of all stages together; shared out evenly where stages do not say theirs. */
  epochs: z.number().int().positive().optional(),
  /** The head's; parameters that come pretrained get `pretrainedRate` times as much. */
  lr: rate.default(2e-3),
  pretrainedRate: z.number().min(0).default(0.1),
  /** Factor on the rate from each layer group to the one before it, the head being the last. */
  layerDecay: layerDecay.default(1),
  /** Further factors on the rate, by what they are for, in the language of `train`. */
  groupRates: groupRates.default({}),
  /** See `planStages`. */
  preset: z.enum(['gradual', 'head-only', 'full', 'fastai', 'lp-ft']).default('gradual'),
  /** Preset `gradual`: what each stage thaws besides what trains already. */
  thaw: z.array(selection).min(1).optional(),
  /** Preset `gradual`: how many more layer groups each stage thaws, and how many at most. Without them it is three stages. */
  thawBy: z.number().int().positive().optional(),
  thawMost: z.number().int().positive().optional(),
  /** Epochs in which the rate of what a later stage thaws rises to its own. */
  thawWarmup: z.number().min(0).default(0),
  /** One stage with these parameters, instead of a preset. */
  trainable: selection.optional(),
  /** Stages written out, instead of a preset. */
  stages: z.array(stage).min(1).optional(),
  schedule: scheduleSchema.default(() => scheduleSchema.parse('cosine')),
  optimizer: z
    .preprocess((v) => (typeof v === 'string' ? { name: v } : v), optimizer)
    .default(() => optimizer.parse({})),
  loss: z.preprocess((v) => (typeof v === 'string' ? { name: v } : v), loss).default(() => loss.parse({})),
  /** Gradients are clipped by their norm, by value, or adaptively: by each unit's norm in proportion to its weights', the head apart. */
  clip: clip.optional(),
  /** Exponential moving average of weights and statistics, which is what is evaluated and shipped. */
  ema: ema.optional(),
  /** How often a loss that is no number, or explodes, sends the training back to its epoch's start, and the factor on the rate then. */
  rollbacks: rollbacks.default(() => rollbacks.parse({})),
  /** λ of λ·Σw² in the loss. */
  l2: z.number().min(0).default(0),
  /** λ of λ·Σ|w| in the loss. */
  l1: z.number().min(0).default(0),
  /** α and β of α/2·Σ(w − w⁰)² for pretrained weights w⁰ and β/2·Σw² for the head. */
  l2sp,
  /** Dropout before the head; or rates by place: `head`, a layer group (its end), a value's or node's name, a glob or /regex/ on them. */
  dropout,
  /** What the network is to take from the pretrained one: its features, or where it keeps its head its scores. */
  distill,
  /** Probability with which the last residual branch is left out for a sample; it rises to that in a line from the first. */
  stochasticDepth: dropRate.default(0),
  /** Low-rank adapters: they and the head train, all other weights stay frozen. */
  lora,
  /** Training ends when the validation accuracy, or what the task has instead, reaches this. */
  target: z.number().min(0).optional(),
  /** A stage ends after so many epochs without a better validation accuracy. */
  patience: z.number().int().positive().optional(),
  batchNorm: z.enum(['frozen', 'training']).default('frozen'),
  /** Whether results of activations and normalizations are computed again where gradients need them, instead of kept. */
  recompute: z.boolean().default(false),
  /** α of the Beta distribution by which two images of a batch are blended; 0 for never. */
  mixup: z.number().min(0).default(0),
  /** The same for a rectangle of one image in another; where both are on, each batch takes one of them. */
  cutmix: z.number().min(0).default(0),
  /** Part of the batches that are blended, where `mixup` or `cutmix` is on. */
  mixProbability: share.default(1),
  /** Augmented views of each image that a stage shows in turn, where part of the network is frozen; 0 for a new one every epoch. */
  views: z.number().int().min(0).default(3),
});

export type TrainingConfig = z.output<typeof trainingSchema>;
export type TrainingConfigInput = z.input<typeof trainingSchema>;
export type StageConfig = NonNullable<TrainingConfig['stages']>[number];

/**
 * Fills in defaults.
 *
 * @throws ThawError `bad-config` naming the setting and what it takes
 */
export function parseConfig<S extends z.ZodType>(schema: S, input: unknown): z.output<S> {
  const result = schema.safeParse(input);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  const where = issue.path.join('.') || ('keys' in issue ? String(issue.keys) : 'the configuration');
  throw new ThawError('bad-config', `setting ${where}: ${wordsOf(issue)}`, 'See `thaw train --help` for the settings');
}
