import { preprocessingPresets, testViewNames } from '../data/index.ts';
import { devices } from '../runtime/devices.ts';
import type { Positional } from './command.ts';
import { type Flags, flagsOf } from './flags.ts';

/** Puts flags under one heading of the help. */
export const withHeading = <const F extends Flags>(flags: F, heading: string | undefined): F =>
  Object.fromEntries(Object.entries(flags).map(([name, flag]) => [name, { ...flag, heading }])) as F;

/** Selects flags. */
export const only = <F extends Flags, N extends keyof F>(flags: F, names: readonly N[]): Pick<F, N> =>
  Object.fromEntries(names.map((name) => [name, flags[name]])) as Pick<F, N>;

/** Removes flags. */
export const without = <F extends Flags, N extends keyof F>(flags: F, names: readonly N[]): Omit<F, N> =>
  Object.fromEntries(Object.entries(flags).filter(([name]) => !names.includes(name as N))) as Omit<F, N>;

/** The model of a training command. */
export const MODEL_ARGUMENT: Positional = {
  name: 'model',
  description: 'a name from thaw models, an .onnx file, a transformers.js folder, https://…, or hf:owner/name',
  inConfig: true,
  isModel: true,
};

/** The same for commands without a config file. */
export const REQUIRED_MODEL_ARGUMENT: Positional = { ...MODEL_ARGUMENT, inConfig: false };

/** A finished model, for commands that measure or use it. */
export const FINISHED_MODEL_ARGUMENT: Positional = {
  name: 'run or model',
  description: 'a run directory, a model folder, an .onnx file, https://…, hf:owner/name',
  isModel: true,
};
export const DATA_ARGUMENT: Positional = { name: 'data', description: 'labelled images, as for thaw train' };

/** Image preprocessing, for every command that reads images. */
export const IMAGE_FLAGS = flagsOf({
  preprocessing: {
    kind: 'one',
    of: preprocessingPresets,
    value: 'NAME',
    description: `preprocessing to use instead of the model's: ${preprocessingPresets.join(', ')}`,
    default: "the folder's preprocessor_config.json, else imagenet",
    heading: 'Preprocessing (if the model does not define it)',
  },
  size: { kind: 'number', value: 'N', description: 'width and height of the input in pixels' },
  width: { kind: 'number', value: 'N', description: 'width of the input' },
  height: { kind: 'number', value: 'N', description: 'height of the input' },
  fit: {
    kind: 'one',
    of: ['stretch', 'crop', 'pad'],
    value: 'HOW',
    description: 'how to fit images: stretch, crop (the centre) or pad',
  },
  'crop-fraction': { kind: 'number', value: 'N', description: 'fraction of the resized image that crop keeps' },
  interpolation: {
    kind: 'one',
    of: ['nearest', 'linear', 'cubic', 'lanczos3'],
    value: 'HOW',
    description: 'nearest, linear, cubic or lanczos3',
  },
  channels: { kind: 'one', of: ['rgb', 'bgr', 'grey'], value: 'ORDER', description: 'rgb, bgr or grey' },
  layout: { kind: 'one', of: ['nchw', 'nhwc'], value: 'ORDER', description: 'nchw or nhwc' },
  scale: { kind: 'number', value: 'N', description: 'value = (pixel * scale - mean) / std, for pixels from 0 to 255' },
  mean: { kind: 'numbers', value: 'R,G,B', description: 'mean of each channel, subtracted after scaling' },
  std: { kind: 'numbers', value: 'R,G,B', description: 'standard deviation of each channel, to divide by' },
  deviation: { kind: 'numbers', value: 'R,G,B', description: 'old name of --std' },
});

/** Text preprocessing. */
export const TEXT_FLAGS = flagsOf({
  'max-length': {
    kind: 'number',
    value: 'N',
    description: 'maximum tokens of a text; the rest is cut',
    default: "the model's limit, at most 128",
  },
});

export const DEVICE_FLAG = flagsOf({
  device: {
    kind: 'one',
    of: ['auto', ...devices],
    value: 'NAME',
    description: ['auto', ...devices].join(', '),
    default: 'auto',
  },
});

/** For commands that run a model once, or on tiny inputs. */
export const PROCESSOR_FLAG = flagsOf({
  device: { ...DEVICE_FLAG.device, default: 'cpu, or wasm if ONNX Runtime has no native binary' },
});

export const QUANTIZED_FLAG = flagsOf({
  quantized: {
    kind: 'one',
    of: ['refuse', 'straight-through'],
    value: 'HOW',
    description:
      'for a quantized model: refuse, or straight-through (train its QDQ form with straight-through gradients)',
    default: 'refuse',
  },
});

export const INPUT_FLAG = flagsOf({
  input: {
    kind: 'shapes',
    value: 'NAME:SHAPE',
    description: 'shape of an input with unknown dimensions, such as pixels:batchx3x224x224 (repeatable)',
  },
});

/** For models with several outputs. */
export const OUTPUT_FLAG = flagsOf({
  output: {
    kind: 'text',
    value: 'NAME',
    description: 'output to use if the model has several',
    default: 'the first',
  },
});

export const SPLIT_FLAG = flagsOf({
  split: {
    kind: 'one',
    of: ['train', 'val', 'test'],
    value: 'NAME',
    description: 'train, val or test',
    default: 'val (also of the run on its own data), else test, else everything',
  },
});

export const CALIBRATED_FLAG = flagsOf({
  calibrated: { kind: 'switch', description: 'divide the logits by the temperature of the model (see thaw calibrate)' },
});

export const UNKNOWN_RATE_FLAG = flagsOf({
  'unknown-rate': {
    kind: 'number',
    value: 'N',
    description: 'fraction of samples of the classes that may be called unknown: 0.05 is 5 of 100',
    default: "the model's, 0.05",
  },
});

export const UNKNOWN_FLAGS = flagsOf({
  unknown: { kind: 'switch', description: 'print unknown for samples that belong to none of the classes' },
  ...UNKNOWN_RATE_FLAG,
});

/** For finished models. */
export const CLASSIFIER_FLAGS = flagsOf({
  ...DEVICE_FLAG,
  ...OUTPUT_FLAG,
  labels: {
    kind: 'names',
    value: 'A,B,C',
    description: 'classes in the order of the outputs, or a file with one per line, if the model does not define them',
  },
  batch: { kind: 'number', value: 'N', description: 'batch size', default: '16' },
  tta: {
    kind: 'one',
    of: testViewNames,
    value: 'VIEWS',
    description: `test-time augmentation with the mean over several views: ${testViewNames.join(', ')}`,
    default: 'none',
  },
  strict: { kind: 'switch', description: 'stop at files that are not images instead of skipping them' },
  ...TEXT_FLAGS,
  ...withHeading(IMAGE_FLAGS, 'Preprocessing (if the model does not define it)'),
});

/** For commands that read `thaw.config`. */
export const CONFIG_FLAG = flagsOf({
  config: {
    kind: 'text',
    value: 'FILE',
    description: 'settings, named like the flags; flags win',
    default: 'thaw.config.*',
  },
});
