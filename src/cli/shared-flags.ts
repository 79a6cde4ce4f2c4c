import { preprocessingPresets, testViewNames } from '../data/index.ts';
import { devices } from '../runtime/devices.ts';
import type { Word } from './command.ts';
import type { Flags } from './flags.ts';

/** The model of a training. */
export const MODEL_WORD: Word = {
  name: 'model',
  does: 'an .onnx file, a transformers.js folder, https://…, hf:owner/name, or default',
  inConfig: true,
};

/** How pictures become input: for every command that looks at pictures. */
export const PICTURE_FLAGS: Flags = {
  preprocessing: {
    kind: 'text',
    value: 'NAME',
    does: `instead of the model's own preprocessing: ${preprocessingPresets.join(', ')}`,
    default: "the folder's preprocessor_config.json, else imagenet",
    under: 'Preprocessing (where the model does not say it)',
  },
  size: { kind: 'number', value: 'N', does: 'width and height of the input in pixels' },
  width: { kind: 'number', value: 'N', does: 'width alone' },
  height: { kind: 'number', value: 'N', does: 'height alone' },
  fit: { kind: 'text', value: 'HOW', does: 'stretch, crop (the centre) or pad' },
  'crop-fraction': { kind: 'number', value: 'N', does: 'part of the resized picture that crop keeps' },
  interpolation: { kind: 'text', value: 'HOW', does: 'nearest, linear, cubic or lanczos3' },
  channels: { kind: 'text', value: 'ORDER', does: 'rgb, bgr or grey' },
  layout: { kind: 'text', value: 'ORDER', does: 'nchw or nhwc' },
  scale: { kind: 'number', value: 'N', does: 'value = (pixel * scale - mean) / deviation, a pixel being 0 to 255' },
  mean: { kind: 'numbers', value: 'R,G,B', does: 'subtracted from each channel, after scale' },
  deviation: { kind: 'numbers', value: 'R,G,B', does: 'each channel is divided by' },
};

/** How texts become input. */
export const TEXT_FLAGS: Flags = {
  'max-length': {
    kind: 'number',
    value: 'N',
    does: 'tokens of a text that are read, the rest is cut',
    default: "the model's own, 128 at most",
  },
};

export const DEVICE_FLAG: Flags = {
  device: { kind: 'text', value: 'NAME', does: ['auto', ...devices].join(', '), default: 'auto' },
};

export const QUANTIZED_FLAG: Flags = {
  quantized: {
    kind: 'text',
    value: 'HOW',
    does: 'a quantized model: refuse, or straight-through, which trains its QDQ form as if nothing were rounded',
    default: 'refuse',
  },
};

export const INPUT_FLAG: Flags = {
  input: {
    kind: 'shapes',
    value: 'NAME:SHAPE',
    does: 'shape of an input that the file leaves open, as pixels:batchx3x224x224; may come again for others',
  },
};

export const SPLIT_FLAG: Flags = {
  split: { kind: 'text', value: 'NAME', does: 'train, val or test', default: 'val, else test, else everything' },
};

export const CALIBRATED_FLAG: Flags = {
  calibrated: { kind: 'switch', does: 'divide the scores by the temperature that the model keeps (thaw calibrate)' },
};

/** What finished models take. */
export const CLASSIFIER_FLAGS: Flags = {
  ...DEVICE_FLAG,
  labels: {
    kind: 'names',
    value: 'A,B,C',
    does: 'the classes in the order of the outputs, or a file with one a line, where the model does not say them',
  },
  batch: { kind: 'number', value: 'N', does: 'pictures at a time', default: '16' },
  tta: {
    kind: 'text',
    value: 'VIEWS',
    does: `test-time augmentation, the mean over views of a picture: ${testViewNames.join(', ')}`,
    default: 'none',
  },
  strict: { kind: 'switch', does: 'stop at files that are no pictures instead of leaving them out' },
  ...TEXT_FLAGS,
  ...underHeading(PICTURE_FLAGS, 'Preprocessing (where the model does not say it)'),
};

/** The flags under one heading of the help. */
export function underHeading(flags: Flags, under: string): Flags {
  return Object.fromEntries(Object.entries(flags).map(([name, flag]) => [name, { ...flag, under }]));
}
