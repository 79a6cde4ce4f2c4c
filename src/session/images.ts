import {
  type BatchSource,
  batchShape,
  checkPreprocessing,
  mixedSource,
  type Preprocessing,
  presetPreprocessing,
  readPreprocessing,
} from '../data/index.ts';
import { isText, type TextFormat } from '../data/text/index.ts';
import { ThawError } from '../errors.ts';
import { type Dimension, dataInputsOf, isFloat, type Model } from '../onnx/index.ts';
import { TASKS, type Task } from '../tasks/index.ts';
import { type ImageSettings, imageChanges, type TrainSettings } from './settings.ts';
import { takesTexts, textShapes } from './texts.ts';

/** A model's preprocessing, and its origin. */
export interface ChosenPreprocessing {
  readonly preprocessing: Preprocessing;
  /** `folder`: its `preprocessor_config.json`; `preset`: named by the user; `assumed`: nothing says, so ImageNet's. */
  readonly from: 'folder' | 'preset' | 'assumed';
}

/**
 * The preprocessing of images: from the model's folder or a preset, with the changes of the settings.
 *
 * @param json its parsed `preprocessor_config.json`
 * @param own from the model's metadata, used if its folder has none
 * @throws ThawError `bad-config` if it is invalid or does not fit the model's input
 */
export function choosePreprocessing(
  model: Model,
  json: unknown,
  settings: ImageSettings,
  own?: Preprocessing,
): ChosenPreprocessing {
  const input = imageInput(model);
  const changes = imageChanges(settings);
  const size = input.width && input.height ? { width: input.width, height: input.height } : undefined;
  const read = json === undefined ? own : readPreprocessing(json, size);
  if (read && settings.preprocessing === undefined) {
    const whole = changes.fit && changes.fit !== 'crop' ? { cropFraction: 1 } : {};
    const preprocessing = checkPreprocessing({ ...read, ...whole, ...changes });
    fits(model, preprocessing);
    return { preprocessing, from: 'folder' };
  }
  const preprocessing = presetPreprocessing(settings.preprocessing, { ...input, ...changes });
  fits(model, preprocessing);
  return { preprocessing, from: settings.preprocessing === undefined ? 'assumed' : 'preset' };
}

/** Facts from the shape of the input: a fixed size, layout and channels. */
function imageInput(model: Model): Partial<Pick<Preprocessing, 'width' | 'height' | 'layout' | 'channels'>> {
  const shape = dataInputsOf(model.graph)[0]?.shape;
  if (shape?.length !== 4) return {};
  const channels = (d: unknown) => d === 1 || d === 3;
  const last = !channels(shape[1]) && channels(shape[3]);
  const [height, width] = last ? shape.slice(1, 3) : shape.slice(2, 4);
  const side = (d: unknown) => (typeof d === 'number' ? d : undefined);
  return {
    width: side(width),
    height: side(height),
    layout: last ? 'nhwc' : 'nchw',
    channels: (last ? shape[3] : shape[1]) === 1 ? 'grey' : undefined,
  };
}

function fits(model: Model, preprocessing: Preprocessing): void {
  const [input, ...others] = dataInputsOf(model.graph);
  if (others.length) {
    const names = [input, ...others].map(({ name }) => name).join(', ');
    throw new ThawError(
      'bad-model',
      `the model takes ${names}, and images fill one input only`,
      'Use a model with one image input',
    );
  }
  const made = batchShape(preprocessing, 1);
  const { shape, type } = input;
  if (type !== undefined && !isFloat(type)) {
    throw new ThawError(
      'bad-model',
      `the model's input "${input.name}" takes ${type}, and images come as float32`,
      'Export the model with a float32 input',
    );
  }
  const clash =
    shape !== undefined &&
    (shape.length !== made.length || shape.slice(1).some((d, i) => typeof d === 'number' && d !== made[i + 1]));
  if (!clash) return;
  throw new ThawError(
    'bad-config',
    `the model's input "${input.name}" is [${shape.map((d) => d ?? '?').join(', ')}], and images come as [N, ${made.slice(1).join(', ')}]`,
    'Change them with --size, --channels or --layout',
  );
}

/** The shapes of inputs that the file leaves open, as the preprocessing fills them. */
export function inputShapes(
  model: Model,
  preprocessing: Preprocessing | Pick<TextFormat, 'kind'>,
): Record<string, readonly Dimension[]> {
  if (isText(preprocessing)) return textShapes(model);
  const [input] = dataInputsOf(model.graph);
  return { [input.name]: ['batch', ...batchShape(preprocessing, 1).slice(1)] };
}

/** The same, only where something says how large images are: for jobs that look at no images. */
export function openInputShapes(model: Model, json: unknown): Record<string, readonly Dimension[]> {
  if (takesTexts(model)) return textShapes(model);
  const shape = dataInputsOf(model.graph)[0]?.shape;
  const open = shape?.length === 4 && shape.slice(1).some((d) => typeof d !== 'number');
  return open && json !== undefined ? inputShapes(model, choosePreprocessing(model, json, {}).preprocessing) : {};
}

/**
 * Training images with each batch blended as the settings say.
 *
 * @throws ThawError `bad-config` where labels of the task cannot be blended
 */
export function blendedImages(
  source: BatchSource,
  { seed, mixup, cutmix, mixProbability }: Pick<TrainSettings, 'seed' | 'mixup' | 'cutmix' | 'mixProbability'>,
  { layout }: Preprocessing,
  { facts, outputs }: Pick<Task, 'facts' | 'outputs'>,
): BatchSource {
  if ((mixup > 0 || cutmix > 0) && !TASKS[facts.task].blends) {
    throw new ThawError(
      'bad-config',
      `mixup and cutmix blend labels, and those of ${facts.task} cannot be`,
      'Leave them out',
    );
  }
  return mixedSource(source, { mixup, cutmix, mixProbability, seed, classes: outputs, layout });
}
