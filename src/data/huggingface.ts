/**
 * Reads and writes `preprocessor_config.json`, Hugging Face's description of preprocessing. The keys are those of the Python library's
 * image processors. Their exact meaning follows transformers.js (`src/image_processors_utils.js`), which reads our exports.
 */
import { ThawError } from '../errors.ts';
import { checkPreprocessing, resizedSide, type Size } from './preprocessing.ts';
import type { Preprocessing } from './types.ts';

type Json = Record<string, unknown>;

const isObject = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function refuse(what: string, hint?: string): never {
  throw new ThawError('bad-config', `preprocessor_config.json: ${what}`, hint);
}

/** Pillow's numbers of resampling filters. Box (4) and Hamming (5) become linear, as in transformers.js. */
const filters = ['nearest', 'lanczos3', 'linear', 'cubic', 'linear', 'linear'] as const;

/** Processors with a special meaning of `shortest_edge`. */
const convNext = /^ConvNext/i;
const levit = /^Levit/i;

/**
 * Reads the usual keys of a `preprocessor_config.json`. Lists of mean and std are in the order of the channels.
 *
 * @param inputSize the model's own input size, for files without a size
 * @throws {ThawError} `bad-config` if the file is inconsistent or has unsupported settings
 */
export function readPreprocessing(json: unknown, inputSize?: Size): Preprocessing {
  if (!isObject(json)) refuse('it is not a JSON object');
  const own = isObject(json.thaw) ? json.thaw : {};
  const flipped = flag(json, 'do_flip_channel_order', false);
  const channels = (own.channels ?? (flipped ? 'bgr' : 'rgb')) as Preprocessing['channels'];
  const normalize = flag(json, 'do_normalize', (json.image_mean ?? json.mean) !== undefined);
  const count = channels === 'grey' ? 1 : 3;
  const numbers = (values: readonly number[]) => (channels === 'bgr' ? values.toReversed() : values);
  return checkPreprocessing({
    ...readGeometry(json, inputSize),
    interpolation: readFilter(json),
    channels,
    layout: (own.layout ?? 'nchw') as Preprocessing['layout'],
    scale: flag(json, 'do_rescale', true) ? positive(json.rescale_factor ?? 1 / 255, 'rescale_factor') : 1,
    mean: numbers(normalize ? channelValues(json, ['image_mean', 'mean'], count) : new Array(count).fill(0)),
    std: numbers(normalize ? channelValues(json, ['image_std', 'std'], count) : new Array(count).fill(1)),
  });
}

function readGeometry(json: Json, inputSize?: Size): Pick<Preprocessing, 'width' | 'height' | 'fit' | 'cropFraction'> {
  const size = json.size ?? json.image_size;
  const resize = flag(json, 'do_resize', size !== undefined);
  const crops = flag(json, 'do_center_crop', false);
  const crop = crops ? fixedSize(json.crop_size ?? size, 'crop_size') : undefined;
  const stretch = ({ width, height }: Size) => ({ width, height, fit: 'stretch' as const, cropFraction: 1 });
  const cropped = (target: Size, side: number) => {
    const fraction = Math.min(target.width, target.height) / side;
    if (fraction > 1)
      refuse(
        `it crops ${target.width}x${target.height} from images resized to ${side}`,
        'Make size at least as large as crop_size',
      );
    return { ...target, fit: 'crop' as const, cropFraction: fraction };
  };

  if (!resize || size === undefined) {
    const target = crop ?? inputSize;
    if (!target) refuse('it has no size', 'Add "size": { "height": 224, "width": 224 }, or use --size');
    return crop && !resize
      ? refuse('it crops images without resizing them', 'Add "do_resize": true and a "size"')
      : stretch(target);
  }
  const type = String(json.image_processor_type ?? json.feature_extractor_type ?? '');
  const short = shortestEdge(size, crops || json.crop_pct !== undefined);
  if (short !== undefined) {
    if (isObject(size) && size.longest_edge !== undefined)
      refuse('size has both shortest_edge and longest_edge', 'Use only shortest_edge, with crop_size');
    const square = { width: short, height: short };
    // ConvNeXt and PoolFormer: below 384 pixels, the shorter side is resized to size / crop_pct, and the centre is cropped.
    if (json.crop_pct !== undefined || convNext.test(type)) {
      const fraction = positive(json.crop_pct ?? 224 / 256, 'crop_pct');
      if (fraction > 1) refuse(`crop_pct is ${fraction}`, 'Use a value of at most 1');
      return convNext.test(type) && short >= 384
        ? stretch(square)
        : cropped(crop ?? square, Math.floor(short / fraction));
    }
    if (levit.test(type) && crop) return cropped(crop, Math.floor((256 / 224) * short));
    if (crop) return cropped(crop, short);
    if (inputSize) return cropped(inputSize, short);
    return refuse(
      'it only resizes the shorter side, so images have different sizes',
      'Add "do_center_crop": true and a "crop_size"',
    );
  }
  if (isObject(size) && size.longest_edge !== undefined) {
    const side = wholeNumber(size.longest_edge, 'size.longest_edge');
    const padded = json.pad_size === undefined ? { width: side, height: side } : fixedSize(json.pad_size, 'pad_size');
    if (!flag(json, 'do_pad', false) || padded.width !== side || padded.height !== side) {
      refuse(
        'it only resizes the longer side, so images have different sizes',
        `Add "do_pad": true and "pad_size": { "height": ${side}, "width": ${side} }`,
      );
    }
    return { ...padded, fit: 'pad', cropFraction: 1 };
  }
  const target = fixedSize(size, 'size');
  if (crop && (crop.width !== target.width || crop.height !== target.height)) {
    refuse(
      `it stretches images to ${target.width}x${target.height} and then crops ${crop.width}x${crop.height}`,
      'Use "size": { "shortest_edge": … } to keep the aspect ratio, or remove the crop',
    );
  }
  return stretch(target);
}

/** The length of the shorter side, if `size` means that: `{ shortest_edge }`, or a number followed by a crop (old CLIP). */
function shortestEdge(size: unknown, crops: boolean): number | undefined {
  if (isObject(size) && size.shortest_edge !== undefined) return wholeNumber(size.shortest_edge, 'size.shortest_edge');
  return typeof size === 'number' && crops ? wholeNumber(size, 'size') : undefined;
}

function fixedSize(value: unknown, key: string): Size {
  if (Array.isArray(value) && value.length === 2) {
    return { height: wholeNumber(value[0], key), width: wholeNumber(value[1], key) };
  }
  if (isObject(value) && value.height !== undefined && value.width !== undefined) {
    return { width: wholeNumber(value.width, `${key}.width`), height: wholeNumber(value.height, `${key}.height`) };
  }
  if (isObject(value) && value.shortest_edge !== undefined)
    return fixedSize(value.shortest_edge, `${key}.shortest_edge`);
  const side = wholeNumber(value, key);
  return { width: side, height: side };
}

function readFilter(json: Json): Preprocessing['interpolation'] {
  const value = json.resample ?? 2;
  const filter = typeof value === 'number' ? filters[value] : undefined;
  return (
    filter ??
    refuse(
      `resample is ${JSON.stringify(value)}`,
      'Use Pillow’s number of a filter: 0 nearest, 1 lanczos, 2 bilinear, 3 bicubic',
    )
  );
}

function channelValues(json: Json, keys: readonly string[], count: number): readonly number[] {
  const key = keys.find((name) => json[name] !== undefined) ?? keys[0];
  const value = json[key];
  if (typeof value === 'number') return new Array(count).fill(value);
  if (Array.isArray(value) && value.length === count && value.every(Number.isFinite)) return value;
  return refuse(
    `${key} is ${JSON.stringify(value)}`,
    `Use ${count} number${count > 1 ? 's' : ''}, or set "do_normalize": false`,
  );
}

function flag(json: Json, key: string, otherwise: boolean): boolean {
  const value = json[key] ?? otherwise;
  return typeof value === 'boolean' ? value : refuse(`${key} is ${JSON.stringify(value)}`, 'Use true or false');
}

function positive(value: unknown, key: string): number {
  if (typeof value !== 'number' || !Number.isFinite(value) || value <= 0)
    refuse(`${key} is ${JSON.stringify(value)}`, 'Use a number above 0');
  return value;
}

function wholeNumber(value: unknown, key: string): number {
  if (!Number.isInteger(value) || (value as number) < 1)
    refuse(`${key} is ${JSON.stringify(value)}`, 'Use a whole number of pixels above 0');
  return value as number;
}

/**
 * The `preprocessor_config.json` that makes transformers.js's `ViTImageProcessor` apply `p`. Settings that it does not support (grey input,
 * NHWC) are under `thaw`, which `readPreprocessing` reads.
 */
export function writePreprocessing(p: Preprocessing): Json {
  const size = { height: p.height, width: p.width };
  const rgb = (values: readonly number[]) => (p.channels === 'bgr' ? values.toReversed() : [...values]);
  const own = {
    ...(p.channels === 'grey' && { channels: p.channels }),
    ...(p.layout === 'nhwc' && { layout: p.layout }),
  };
  return {
    image_processor_type: 'ViTImageProcessor',
    do_convert_rgb: p.channels !== 'grey',
    do_resize: true,
    size: { stretch: size, crop: { shortest_edge: resizedSide(p) }, pad: { longest_edge: p.width } }[p.fit],
    resample: filters.indexOf(p.interpolation),
    do_center_crop: p.fit === 'crop',
    ...(p.fit === 'crop' && { crop_size: size }),
    ...(p.fit === 'pad' && { do_pad: true, pad_size: size }),
    do_rescale: true,
    rescale_factor: p.scale,
    do_normalize: true,
    image_mean: rgb(p.mean),
    image_std: rgb(p.std),
    ...(p.channels === 'bgr' && { do_flip_channel_order: true }),
    ...(Object.keys(own).length > 0 && { thaw: own }),
  };
}
