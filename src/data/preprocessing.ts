import * as z from 'zod';
import { ThawError } from '../errors.ts';
import type { Preprocessing } from './types.ts';

export interface Size {
  readonly width: number;
  readonly height: number;
}

const rgb = (...values: [number, number, number]): readonly number[] => values;
const half = rgb(0.5, 0.5, 0.5);
const zero = rgb(0, 0, 0);
const one = rgb(1, 1, 1);

/** Preprocessing of published classifiers, by common names. */
const presets = {
  imagenet: {
    size: 224,
    fit: 'crop',
    crop: 224 / 256,
    scale: 1 / 255,
    mean: rgb(0.485, 0.456, 0.406),
    std: rgb(0.229, 0.224, 0.225),
  },
  clip: {
    size: 224,
    fit: 'crop',
    crop: 1,
    scale: 1 / 255,
    mean: rgb(0.48145466, 0.4578275, 0.40821073),
    std: rgb(0.26862954, 0.26130258, 0.27577711),
    interpolation: 'cubic',
  },
  /** Values from -1 to 1. */
  inception: { size: 299, fit: 'crop', crop: 0.875, scale: 1 / 255, mean: half, std: half },
  /** Values from -1 to 1, without keeping the aspect ratio: the original vision transformers. */
  vit: { size: 224, fit: 'stretch', crop: 1, scale: 1 / 255, mean: half, std: half },
  /** Values from 0 to 1. */
  unit: { size: 224, fit: 'stretch', crop: 1, scale: 1 / 255, mean: zero, std: one },
  /** Unchanged values from 0 to 255. */
  raw: { size: 224, fit: 'stretch', crop: 1, scale: 1, mean: zero, std: one },
} as const;

export type PreprocessingPreset = keyof typeof presets;
export const preprocessingPresets = Object.keys(presets) as readonly PreprocessingPreset[];

/**
 * A preset (default `imagenet`) with changes. For `grey`, lists of three numbers become their mean. For `bgr`, the preset's lists are
 * reversed; lists in `changes` are already in the order of the channels.
 *
 * @throws {ThawError} `bad-config` for an unknown preset or invalid numbers
 */
export function presetPreprocessing(
  preset: string = 'imagenet',
  changes: Partial<Preprocessing> & { readonly size?: number } = {},
): Preprocessing {
  if (!Object.hasOwn(presets, preset)) {
    throw new ThawError(
      'bad-config',
      `unknown preprocessing preset "${preset}"`,
      `Choose one of: ${preprocessingPresets.join(', ')}`,
    );
  }
  const chosen = presets[preset as PreprocessingPreset];
  const { size, ...rest } = changes;
  const given = Object.fromEntries(
    Object.entries(rest).filter(([, value]) => value !== undefined),
  ) as Partial<Preprocessing>;
  const channels = given.channels ?? 'rgb';
  const fit = given.fit ?? chosen.fit;
  return checkPreprocessing({
    width: size ?? chosen.size,
    height: size ?? chosen.size,
    fit,
    cropFraction: fit === 'crop' ? chosen.crop : 1,
    interpolation: 'interpolation' in chosen ? chosen.interpolation : 'linear',
    channels,
    layout: 'nchw',
    scale: chosen.scale,
    mean: inChannelOrder(chosen.mean, channels),
    std: inChannelOrder(chosen.std, channels),
    ...given,
  });
}

/** Numbers for red, green and blue, in the order of the channels. */
function inChannelOrder(values: readonly number[], channels: Preprocessing['channels']): readonly number[] {
  if (channels === 'bgr') return values.toReversed();
  if (channels === 'grey') return [values.reduce((a, b) => a + b, 0) / values.length];
  return values;
}

/** Renames the old key `deviation` in older models. */
export function withStd(json: unknown): unknown {
  if (typeof json !== 'object' || json === null || !('deviation' in json) || 'std' in json) return json;
  const { deviation: std, ...rest } = json;
  return { ...rest, std };
}

/** Types of the fields; `checkPreprocessing` checks their values. */
export const preprocessingSchema: z.ZodType<Preprocessing> = z.preprocess(
  withStd,
  z.object({
    width: z.number(),
    height: z.number(),
    fit: z.enum(['stretch', 'crop', 'pad']),
    cropFraction: z.number(),
    interpolation: z.enum(['nearest', 'linear', 'cubic', 'lanczos3']),
    channels: z.enum(['rgb', 'bgr', 'grey']),
    layout: z.enum(['nchw', 'nhwc']),
    scale: z.number(),
    mean: z.array(z.number()),
    std: z.array(z.number()),
  }),
);

/** Resized length of the shorter side, before the central crop. */
export const resizedSide = ({
  width,
  height,
  cropFraction,
}: Pick<Preprocessing, 'width' | 'height' | 'cropFraction'>): number =>
  Math.round(Math.min(width, height) / cropFraction);

/** The size of a resized image, before the central crop or the padding; rounded as in transformers.js. */
export function resizedSize(p: Preprocessing, image: Size): Size {
  if (p.fit === 'stretch') return { width: p.width, height: p.height };
  const { width, height } = image;
  const scale = p.fit === 'crop' ? resizedSide(p) / Math.min(width, height) : p.width / Math.max(width, height);
  const scaled = (length: number) => Math.max(1, Math.floor(Number((length * scale).toFixed(2))));
  return { width: scaled(width), height: scaled(height) };
}

/** @throws {ThawError} `bad-config` with the field and the problem */
export function checkPreprocessing(p: Preprocessing): Preprocessing {
  const count = p.channels === 'grey' ? 1 : 3;
  const fail = (what: string, hint?: string): never => {
    throw new ThawError('bad-config', `preprocessing: ${what}`, hint);
  };
  const oneOf = (field: keyof Preprocessing, ...allowed: string[]) => {
    if (!allowed.includes(p[field] as string))
      fail(`${field} is ${JSON.stringify(p[field])}`, `Choose one of: ${allowed.join(', ')}`);
  };
  for (const side of ['width', 'height'] as const) {
    if (!Number.isInteger(p[side]) || p[side] < 1 || p[side] > 8192) {
      fail(`${side} is ${JSON.stringify(p[side])}`, 'Use a whole number of pixels from 1 to 8192');
    }
  }
  oneOf('fit', 'stretch', 'crop', 'pad');
  oneOf('interpolation', 'nearest', 'linear', 'cubic', 'lanczos3');
  oneOf('channels', 'rgb', 'bgr', 'grey');
  oneOf('layout', 'nchw', 'nhwc');
  if (!(p.cropFraction > 0.05 && p.cropFraction <= 1))
    fail(`cropFraction is ${p.cropFraction}`, 'Use a value above 0.05, up to 1');
  if (p.fit !== 'crop' && p.cropFraction !== 1)
    fail(`cropFraction is ${p.cropFraction} but fit is "${p.fit}"`, 'Set fit to "crop"');
  if (p.fit === 'pad' && p.width !== p.height)
    fail(`fit "pad" at ${p.width}x${p.height}`, 'Use equal width and height, or another fit');
  if (!Number.isFinite(p.scale) || p.scale <= 0) fail(`scale is ${p.scale}`, 'Use a value above 0, such as 1/255');
  for (const field of ['mean', 'std'] as const) {
    const values = p[field];
    if (values.length !== count || !values.every(Number.isFinite)) {
      fail(
        `${field} is ${JSON.stringify(values)}`,
        `Use ${count} number${count > 1 ? 's' : ''}, one for each channel of "${p.channels}"`,
      );
    }
  }
  if (p.std.some((d) => d <= 0)) fail(`std is ${JSON.stringify(p.std)}`, 'Use values above 0');
  return p;
}

/** Shape of `count` images as a model's input: `[N, C, H, W]` or `[N, H, W, C]`. */
export function batchShape({ width, height, channels, layout }: Preprocessing, count: number): readonly number[] {
  const c = channels === 'grey' ? 1 : 3;
  return layout === 'nchw' ? [count, c, height, width] : [count, height, width, c];
}
