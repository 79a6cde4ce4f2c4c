import * as z from 'zod';
import { poolings } from '../compiler/surgery/index.ts';
import { type Preprocessing, preprocessingPresets, testViewNames } from '../data/index.ts';
import { ThawError } from '../errors.ts';
import { nearestHint } from '../nearest.ts';
import { devices } from '../runtime/devices.ts';
import { TASKS, type TaskName, taskNames } from '../tasks/index.ts';
import { parseConfig, trainingSchema } from '../training/index.ts';
import { refuseContradictions, refuseOtherLabels } from './contradictions.ts';
import { knownClasses } from './known-classes.ts';

const share = z.number().min(0).max(1);
const names = z.array(z.string().min(1)).min(1);

/** The preprocessing of images, if the model's folder has none, or changes to it. */
export const imagesSchema = z.strictObject({
  preprocessing: z.enum(preprocessingPresets as [string, ...string[]]).optional(),
  /** Width and height in pixels, if they are equal. */
  size: z.number().int().positive().optional(),
  width: z.number().int().positive().optional(),
  height: z.number().int().positive().optional(),
  fit: z.enum(['stretch', 'crop', 'pad']).optional(),
  cropFraction: share.optional(),
  interpolation: z.enum(['nearest', 'linear', 'cubic', 'lanczos3']).optional(),
  channels: z.enum(['rgb', 'bgr', 'grey']).optional(),
  layout: z.enum(['nchw', 'nhwc']).optional(),
  scale: z.number().positive().optional(),
  mean: z.array(z.number()).optional(),
  std: z.array(z.number().positive()).optional(),
  /** The former name of `std`. */
  deviation: z.array(z.number().positive()).optional(),
});
export type ImageSettings = z.output<typeof imagesSchema>;

/** How texts become input. */
export const textsSchema = z.strictObject({
  /** Tokens of a text that are read, special ones included. */
  maxLength: z.number().int().positive().optional(),
});
export type TextSettings = z.output<typeof textsSchema>;

/** Settings of a finished model. */
const predictionSchema = imagesSchema.extend({
  ...textsSchema.shape,
  /** The output that counts, if the model has several; the first unless given. */
  output: z.string().min(1).optional(),
  /** The classes in the order of the outputs, where the model does not say them. */
  labels: names.optional(),
  batch: z.number().int().positive().default(16),
  device: z.enum(['auto', ...devices]).default('auto'),
  /** Test-time augmentation: the mean prediction over several views of an image. */
  tta: z.enum(testViewNames).default('none'),
  /** Divides the scores by the temperature that the model keeps. */
  calibrated: z.boolean().default(false),
  /** Also says of each sample whether it belongs to none of the classes. */
  unknown: z.boolean().default(false),
  /** Share of samples of the classes that may be called unknown, instead of the model's own. It sets `unknown`. */
  unknownRate: z.number().gt(0).lt(1).optional(),
});
/** How a finished model takes its samples and gives its predictions. */
export type PredictionSettings = z.input<typeof predictionSchema>;

/** @throws ThawError `bad-config` naming the setting and what it takes */
export const readPredictionSettings = (settings: PredictionSettings) => parseConfig(predictionSchema, settings);

const UNITS: Readonly<Record<string, number>> = { MB: 1e6, GB: 1e9, MIB: 2 ** 20, GIB: 2 ** 30 };

/** `4GB`, `512 MiB` as bytes; other values unchanged. */
function bytesOf(size: unknown): unknown {
  const [, count, unit] = /^\s*([\d.]+)\s*([MG]i?B)\s*$/i.exec(String(size)) ?? [];
  return unit === undefined ? size : Number(count) * UNITS[unit.toUpperCase()];
}

/** All settings of `thaw train`: by these names in the config file, in kebab case as flags. */
const schema = trainingSchema.extend({
  ...imagesSchema.shape,
  ...textsSchema.shape,
  /** How the vectors of tokens of a text encoder become one, if the model has no classifier. */
  pooling: z.enum(poolings).default('auto'),
  task: z.enum(taskNames).default('classification'),
  /** Columns of a table that hold numbers: those of a regression, or labels as 0 and 1. */
  targets: names.optional(),
  /** multi-label: probability from which on a label is said; `tuned` chooses the best of each label on the validation set. */
  threshold: z.union([z.literal('tuned'), z.coerce.number().gt(0).lt(1)]).default('tuned'),
  /** embedding: length of a vector. */
  embeddingSize: z.number().int().positive().default(128),
  /** embedding: images of each class in a batch. */
  perClass: z.number().int().min(2).default(4),
  /** A policy by name, or each change with its probability and range. */
  augment: z.union([z.string(), z.record(z.string(), z.unknown())]).default('light'),
  /** Name of the classifier's node or weight, if it is not the last layer. */
  head: z.string().min(1).optional(),
  /** The output that counts, if the model has several; the first unless given. The trained model has this one alone. */
  output: z.string().min(1).optional(),
  /** Keeps the model's own classifier and labels. */
  keepHead: z.boolean().default(false),
  /** Classes of the data that the model knows by name keep their weights in the new head, or all are drawn. */
  knownClasses: z.enum(knownClasses).default('auto'),
  /** A quantized model is refused, or trained with straight-through gradients. */
  quantized: z.enum(['refuse', 'straight-through']).default('refuse'),
  /** The classes in the order of the outputs; sorted by name where not given. With `keepHead`, those of the model. */
  labels: names.optional(),
  /** Part of each class that is held out where the data set has no `val`. */
  valFraction: z.number().gt(0).lt(1).default(0.2),
  /** A folder with examples of none of the classes, which measure how many are recognised. */
  unknown: z.string().min(1).optional(),
  /** Stops at files that are not images instead of skipping them. */
  strict: z.boolean().default(false),
  /** Weights of the classes in the cross-entropy: by name, or `balanced`, the rarer the heavier. Resolved to `loss.classWeights`. */
  classWeights: z.union([z.literal('balanced'), z.record(z.string(), z.number().positive())]).optional(),
  /** Which images an epoch shows: each once, or as many of every class. */
  sampling: z.enum(['shuffle', 'balanced']).default('shuffle'),
  /** `full` decodes every image before training. */
  verify: z.enum(['quick', 'full']).default('quick'),
  device: z.enum(['auto', ...devices]).default('auto'),
  /** Threads of ONNX Runtime. Unless given, one for each physical core; with eight or more cores, as many as are fastest. */
  threads: z.number().int().min(1).max(1024).optional(),
  /** Where the features of frozen layers are cached: `disk` also serves later runs; `off` computes them every time. */
  cache: z.enum(['memory', 'disk', 'off']).default('memory'),
  /** Megabytes; without it a quarter of the free memory, 1024 at most. */
  cacheMemory: z.number().int().min(0).optional(),
  /** Megabytes of `cache: disk`, which all runs share. */
  cacheDisk: z.number().int().positive().default(4096),
  /** Limit of memory in bytes, or as `4GB`; `auto` is the free memory, `off` never divides a batch. */
  memory: z.union([z.enum(['auto', 'off']), z.preprocess(bytesOf, z.number().positive())]).default('auto'),
  /** Writes the compiled graphs of every stage into the run. */
  artifacts: z.boolean().default(true),
  /** Minutes after which a long epoch is saved midway; 0 saves after every step. */
  saveEvery: z.number().min(0).default(5),
});

/** Flags for single parts of `schedule`, `optimizer` and `loss`, so that each is a flag. */
const parts = z.strictObject({
  warmup: share.optional(),
  momentum: share.optional(),
  weightDecay: z.number().min(0).optional(),
  amsgrad: z.boolean().optional(),
  labelSmoothing: share.optional(),
});

/** Of all settings, with the flags for parts of others. */
export const settingsSchema = schema.extend(parts.shape);

export type TrainSettings = z.output<typeof schema>;
/** All settings of a training, as a `thaw.config` file has them; docs/configuration.md describes each. */
export type TrainSettingsInput = z.input<typeof schema> & z.input<typeof parts>;

/** Names of all settings, as in a config file. */
export const settingNames: readonly string[] = Object.keys(settingsSchema.shape);

/**
 * Checks the settings of a training and fills in defaults.
 *
 * @throws ThawError `bad-config` naming the setting and what it takes
 */
export function readSettings(input: Record<string, unknown>): TrainSettings {
  const unknown = Object.keys(input).find((name) => !settingNames.includes(name));
  if (unknown !== undefined) {
    throw new ThawError('bad-config', `there is no setting "${unknown}"`, nearestHint(unknown, settingNames));
  }
  const own = Object.fromEntries(Object.keys(parts.shape).map((name) => [name, input[name]]));
  const { warmup, momentum, weightDecay, amsgrad, labelSmoothing } = parseConfig(parts, own);
  const rest = Object.fromEntries(Object.entries(input).filter(([name]) => !(name in parts.shape)));
  const settings = parseConfig(schema, {
    ...withTaskLoss(rest),
    ...withParts(rest, 'schedule', { warmup }),
    ...withParts(rest, 'optimizer', { momentum, weightDecay, amsgrad }),
    ...withParts(withTaskLoss(rest), 'loss', { labelSmoothing }),
  });
  checkTask(settings);
  refuseContradictions(settings);
  refuseOtherLabels(settings.task, settings);
  const { loss } = settings;
  return loss.name === 'cross-entropy' ? { ...settings, loss: { labelSmoothing: LABEL_SMOOTHING, ...loss } } : settings;
}

/** Unless the user sets another; docs/defaults.md has the gain. */
const LABEL_SMOOTHING = 0.1;

/** Every task has its own loss, where none is named. */
function withTaskLoss(input: Record<string, unknown>): Record<string, unknown> {
  const { task, loss } = input;
  const kind = taskNames.find((name) => name === task);
  const named = typeof loss === 'string' || (loss as { name?: unknown } | undefined)?.name !== undefined;
  return kind && !named ? { ...input, loss: { ...(loss as object | undefined), name: TASKS[kind].losses[0] } } : input;
}

function checkTask({ task, loss, targets, target, batch, perClass }: TrainSettings): void {
  const { losses } = TASKS[task];
  if (!losses.includes(loss.name)) {
    throw new ThawError('bad-config', `the loss ${loss.name} is none for ${task}`, `There are: ${losses.join(', ')}`);
  }
  if (targets && TASKS[task].reads().kind === 'class') {
    throw new ThawError(
      'bad-config',
      `targets name columns of numbers, and ${task} reads classes`,
      'Leave them out, or choose another --task',
    );
  }
  if (target !== undefined && target > 1 && task !== 'regression') {
    throw new ThawError(
      'bad-config',
      `setting target: ${task} is measured from 0 to 1, and ${target} is above`,
      '0.95 is 95%',
    );
  }
  if (task === 'embedding' && batch % perClass !== 0) {
    throw new ThawError(
      'bad-config',
      `a batch of ${batch} cannot be made of ${perClass} images of each class`,
      'Choose a --batch that is so many times --per-class',
    );
  }
}

function withParts(input: Record<string, unknown>, name: string, given: Record<string, unknown>) {
  const defined = Object.entries(given).filter(([, value]) => value !== undefined);
  if (!defined.length) return {};
  const whole = input[name];
  const record = typeof whole === 'string' ? { name: whole } : (whole as object | undefined);
  return { [name]: { ...record, ...Object.fromEntries(defined) } };
}

/** As in a `thaw.config` file, without the task. */
export type TrainingSettings = Omit<TrainSettingsInput, 'task'> & { readonly task?: undefined };

/** A request of the library: the task is next to the settings, so that types can follow from it. */
export interface TaskRequest<T extends TaskName = TaskName> {
  /** What to learn: `classification` unless given. The types of the result follow from it. */
  readonly task?: T;
  readonly settings?: TrainingSettings;
}

/** Requires `task` unless it is classification, so that a type argument alone cannot promise the results of another task. */
export type NamedTask<T extends TaskName> = 'classification' extends T ? unknown : { readonly task: NoInfer<T> };

/**
 * The settings with their task.
 *
 * @throws ThawError `bad-config` if the settings name another one
 */
export function settingsOf({ task, settings }: TaskRequest): TrainSettingsInput {
  const named = (settings as TrainSettingsInput | undefined)?.task;
  if (task !== undefined && named !== undefined && task !== named)
    throw new ThawError('bad-config', `the task is ${task}, and the settings say ${named}`, 'Leave out settings.task');
  return { ...settings, task: task ?? named };
}

/** The part of the settings that decides the numbers of the training. */
export function trainingConfigOf(settings: TrainSettings) {
  const own = Object.entries(settings).filter(([name]) => name in trainingSchema.shape);
  return parseConfig(trainingSchema, Object.fromEntries(own));
}

/** @throws ThawError `bad-config` if it is given by both of its names */
function stdOf({ std, deviation }: ImageSettings) {
  if (std && deviation)
    throw new ThawError('bad-config', 'std and deviation are the same setting', 'Leave out deviation');
  return std ?? deviation;
}

/** The changes to a preprocessing. */
export function imageChanges(settings: ImageSettings): Partial<Preprocessing> {
  const { size, width, height, fit, cropFraction, interpolation, channels, layout, scale, mean } = settings;
  const changes = {
    width: width ?? size,
    height: height ?? size,
    fit,
    cropFraction,
    interpolation,
    channels,
    layout,
    scale,
    mean,
    std: stdOf(settings),
  };
  return Object.fromEntries(Object.entries(changes).filter(([, value]) => value !== undefined));
}
