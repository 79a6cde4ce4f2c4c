import { preprocessingPresets, testViewNames } from '../data/index.ts';
import { devices } from '../runtime/devices.ts';
import type { Word } from './command.ts';
import { type Flags, flagsOf } from './flags.ts';

/** The flags under one heading of the help. */
export const underHeading = <const F extends Flags>(flags: F, under: string | undefined): F =>
  Object.fromEntries(Object.entries(flags).map(([name, flag]) => [name, { ...flag, under }])) as F;

/** Some of the flags. */
export const only = <F extends Flags, N extends keyof F>(flags: F, names: readonly N[]): Pick<F, N> =>
  Object.fromEntries(names.map((name) => [name, flags[name]])) as Pick<F, N>;

/** All other flags. */
export const without = <F extends Flags, N extends keyof F>(flags: F, names: readonly N[]): Omit<F, N> =>
  Object.fromEntries(Object.entries(flags).filter(([name]) => !names.includes(name as N))) as Omit<F, N>;

/** The model of a training. */
export const MODEL_WORD: Word = {
  name: 'model',
  does: 'an .onnx file, a transformers.js folder, https://…, hf:owner/name, or default',
  inConfig: true,
};

/** The same for commands without a config file. */
export const ANY_MODEL_WORD: Word = { ...MODEL_WORD, inConfig: false };

/** A model that is finished, and its data. */
export const FINISHED_WORD: Word = {
  name: 'run or model',
  does: 'a run directory, a model folder, an .onnx file, https://…, hf:owner/name',
};
export const DATA_WORD: Word = { name: 'data', does: 'labelled images, as for thaw train' };

/** How images become input: for every command that looks at images. */
export const IMAGE_FLAGS = flagsOf({
  preprocessing: {
    kind: 'one',
    of: preprocessingPresets,
    value: 'NAME',
    does: `instead of the model's own preprocessing: ${preprocessingPresets.join(', ')}`,
    default: "the folder's preprocessor_config.json, else imagenet",
    under: 'Preprocessing (where the model does not say it)',
  },
  size: { kind: 'number', value: 'N', does: 'width and height of the input in pixels' },
  width: { kind: 'number', value: 'N', does: 'width alone' },
  height: { kind: 'number', value: 'N', does: 'height alone' },
  fit: { kind: 'one', of: ['stretch', 'crop', 'pad'], value: 'HOW', does: 'stretch, crop (the centre) or pad' },
  'crop-fraction': { kind: 'number', value: 'N', does: 'part of the resized image that crop keeps' },
  interpolation: {
    kind: 'one',
    of: ['nearest', 'linear', 'cubic', 'lanczos3'],
    value: 'HOW',
    does: 'nearest, linear, cubic or lanczos3',
  },
  channels: { kind: 'one', of: ['rgb', 'bgr', 'grey'], value: 'ORDER', does: 'rgb, bgr or grey' },
  layout: { kind: 'one', of: ['nchw', 'nhwc'], value: 'ORDER', does: 'nchw or nhwc' },
  scale: { kind: 'number', value: 'N', does: 'value = (pixel * scale - mean) / std, a pixel being 0 to 255' },
  mean: { kind: 'numbers', value: 'R,G,B', does: 'subtracted from each channel, after scale' },
  std: { kind: 'numbers', value: 'R,G,B', does: 'each channel is divided by its standard deviation' },
  deviation: { kind: 'numbers', value: 'R,G,B', does: 'the former name of --std' },
});

/** How texts become input. */
export const TEXT_FLAGS = flagsOf({
  'max-length': {
    kind: 'number',
    value: 'N',
    does: 'tokens of a text that are read, the rest is cut',
    default: "the model's own, 128 at most",
  },
});

export const DEVICE_FLAG = flagsOf({
  device: {
    kind: 'one',
    of: ['auto', ...devices],
    value: 'NAME',
    does: ['auto', ...devices].join(', '),
    default: 'auto',
  },
});

/** Of commands that run a model once, or on tiny inputs. */
export const PROCESSOR_FLAG = flagsOf({
  device: { ...DEVICE_FLAG.device, default: 'cpu, or wasm if ONNX Runtime has no native binary' },
});

export const QUANTIZED_FLAG = flagsOf({
  quantized: {
    kind: 'one',
    of: ['refuse', 'straight-through'],
    value: 'HOW',
    does: 'a quantized model: refuse, or straight-through, which trains its QDQ form as if nothing were rounded',
    default: 'refuse',
  },
});

export const INPUT_FLAG = flagsOf({
  input: {
    kind: 'shapes',
    value: 'NAME:SHAPE',
    does: 'shape of an input that the file leaves open, as pixels:batchx3x224x224; may come again for others',
  },
});

/** Of models with several outputs. */
export const OUTPUT_FLAG = flagsOf({
  output: {
    kind: 'text',
    value: 'NAME',
    does: 'the output that counts, if the model has several',
    default: 'the first',
  },
});

export const SPLIT_FLAG = flagsOf({
  split: {
    kind: 'one',
    of: ['train', 'val', 'test'],
    value: 'NAME',
    does: 'train, val or test',
    default: 'val, else test, else everything',
  },
});

export const CALIBRATED_FLAG = flagsOf({
  calibrated: { kind: 'switch', does: 'divide the scores by the temperature that the model keeps (thaw calibrate)' },
});

/** What finished models take. */
export const CLASSIFIER_FLAGS = flagsOf({
  ...DEVICE_FLAG,
  ...OUTPUT_FLAG,
  labels: {
    kind: 'names',
    value: 'A,B,C',
    does: 'the classes in the order of the outputs, or a file with one a line, where the model does not say them',
  },
  batch: { kind: 'number', value: 'N', does: 'images at a time', default: '16' },
  tta: {
    kind: 'one',
    of: testViewNames,
    value: 'VIEWS',
    does: `test-time augmentation, the mean over views of an image: ${testViewNames.join(', ')}`,
    default: 'none',
  },
  strict: { kind: 'switch', does: 'stop at files that are no images instead of leaving them out' },
  ...TEXT_FLAGS,
  ...underHeading(IMAGE_FLAGS, 'Preprocessing (where the model does not say it)'),
});

/** For commands that read `thaw.config`. */
export const CONFIG_FLAG = flagsOf({
  config: {
    kind: 'text',
    value: 'FILE',
    does: 'settings by the names of the flags; flags win',
    default: 'thaw.config.*',
  },
});
