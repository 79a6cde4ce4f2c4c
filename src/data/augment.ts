/**
 * Random changes to training pictures: what may happen (`Augmentation`, plain JSON) and what does happen to one picture in one
 * epoch (`AugmentationDraw`). Drawing is apart from carrying out, so that every platform draws the same.
 */
import * as z from 'zod';
import { ThawError } from '../errors.ts';
import type { Random } from '../random.ts';

const probability = z.number().min(0).max(1);
const range = (low: number, high: number) =>
  z
    .tuple([z.number().min(low).max(high), z.number().min(low).max(high)])
    .refine(([from, to]) => from <= to, 'the first number must not be above the second');
const factor = z.strictObject({ probability, factor: range(0, 10) });

const schema = z.strictObject({
  /** Cuts out a part of the picture: `scale` of its area, its proportions `ratio` times those of the input; instead of the fixed crop. */
  resizedCrop: z.strictObject({ probability, scale: range(0.01, 1), ratio: range(0.1, 10) }).optional(),
  horizontalFlip: z.strictObject({ probability }).optional(),
  verticalFlip: z.strictObject({ probability }).optional(),
  /** Anticlockwise. What turns into view from beyond the picture's edge is `fill`: the mean colour, or the edge drawn out. */
  rotation: z
    .strictObject({ probability, degrees: range(-180, 180), fill: z.enum(['mean', 'edge']).default('mean') })
    .optional(),
  /** By a part of the width and of the height. */
  translation: z.strictObject({ probability, fraction: range(-0.9, 0.9) }).optional(),
  shear: z.strictObject({ probability, degrees: range(-60, 60) }).optional(),
  /** Multiplies every value. */
  brightness: factor.optional(),
  /** 0 is the picture's mean grey, 1 the picture as it is. */
  contrast: factor.optional(),
  /** 0 is greyscale, 1 the picture as it is. */
  saturation: factor.optional(),
  hue: z.strictObject({ probability, degrees: range(-180, 180) }).optional(),
  greyscale: z.strictObject({ probability }).optional(),
  /** Gaussian; `sigma` in pixels of the model's input. */
  blur: z.strictObject({ probability, sigma: range(0.3, 50) }).optional(),
  /** Fills a rectangle with the mean: `area` of the input, its width `ratio` times its height. */
  erasing: z.strictObject({ probability, area: range(0.001, 1), ratio: range(0.1, 10) }).optional(),
});

/** Each change with its probability and range; what is left out never happens. */
export type Augmentation = z.output<typeof schema>;

const light: Augmentation = {
  resizedCrop: { probability: 1, scale: [0.15, 1], ratio: [3 / 4, 4 / 3] },
  horizontalFlip: { probability: 0.5 },
  brightness: { probability: 0.5, factor: [0.8, 1.2] },
  contrast: { probability: 0.5, factor: [0.8, 1.2] },
  saturation: { probability: 0.5, factor: [0.8, 1.2] },
};
const medium: Augmentation = {
  ...light,
  resizedCrop: { probability: 1, scale: [0.1, 1], ratio: [3 / 4, 4 / 3] },
  rotation: { probability: 0.5, degrees: [-15, 15], fill: 'edge' },
  brightness: { probability: 0.7, factor: [0.7, 1.3] },
  contrast: { probability: 0.7, factor: [0.7, 1.3] },
  saturation: { probability: 0.7, factor: [0.6, 1.4] },
  hue: { probability: 0.3, degrees: [-10, 10] },
  erasing: { probability: 0.2, area: [0.02, 0.15], ratio: [0.3, 3.3] },
};
const heavy: Augmentation = {
  ...medium,
  resizedCrop: { probability: 1, scale: [0.1, 1], ratio: [3 / 4, 4 / 3] },
  rotation: { probability: 0.7, degrees: [-30, 30], fill: 'edge' },
  shear: { probability: 0.3, degrees: [-10, 10] },
  translation: { probability: 0.3, fraction: [-0.1, 0.1] },
  brightness: { probability: 0.8, factor: [0.5, 1.5] },
  contrast: { probability: 0.8, factor: [0.5, 1.5] },
  saturation: { probability: 0.8, factor: [0.3, 1.7] },
  hue: { probability: 0.5, degrees: [-25, 25] },
  greyscale: { probability: 0.1 },
  blur: { probability: 0.2, sigma: [0.3, 2] },
  erasing: { probability: 0.4, area: [0.02, 0.3], ratio: [0.3, 3.3] },
};

/** `light` suits 10 to 200 photographs a class; none of them flips upside down. */
export const augmentationPolicies: Readonly<Record<string, Augmentation>> = { none: {}, light, medium, heavy };

/**
 * A policy by name, or a configuration that is checked; a configuration may start from a policy: `{ policy: 'light', … }`.
 *
 * @throws {ThawError} `bad-config`, naming the field
 */
export function readAugmentation(value: unknown = 'light'): Augmentation {
  if (typeof value === 'string') {
    if (Object.hasOwn(augmentationPolicies, value)) return augmentationPolicies[value];
    throw new ThawError(
      'bad-config',
      `there is no augmentation policy "${value}"`,
      `Choose one of: ${Object.keys(augmentationPolicies).join(', ')}`,
    );
  }
  if (typeof value === 'object' && value !== null && 'policy' in value) {
    const { policy, ...changes } = value;
    return { ...readAugmentation(String(policy)), ...readAugmentation(changes) };
  }
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  throw new ThawError('bad-config', `${['augmentation', ...issue.path].join('.')}: ${issue.message}`);
}

export interface Rectangle {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
}

/** What happens to one picture. Everything is relative, so that it holds for any picture and input size. */
export interface AugmentationDraw {
  /** Part of the area, proportions over the input's, and place from 0 (left, top) to 1. */
  readonly crop?: { readonly scale: number; readonly ratio: number; readonly x: number; readonly y: number };
  readonly horizontalFlip: boolean;
  readonly verticalFlip: boolean;
  /** Degrees and fractions; undefined where the picture stays straight. */
  readonly affine?: {
    readonly rotation: number;
    readonly shear: number;
    readonly x: number;
    readonly y: number;
    readonly fill: 'mean' | 'edge';
  };
  readonly brightness: number;
  readonly contrast: number;
  readonly saturation: number;
  /** Degrees. */
  readonly hue: number;
  /** Standard deviation in pixels, 0 for none. */
  readonly blur: number;
  readonly erasing?: { readonly area: number; readonly ratio: number; readonly x: number; readonly y: number };
}

/** Draws what happens to one picture. */
export function drawAugmentation(a: Augmentation, random: Random): AugmentationDraw {
  const happens = (change: { probability: number } | undefined) =>
    change !== undefined && random.chance(change.probability);
  const between = ([low, high]: readonly [number, number]) => random.between(low, high);
  const logBetween = ([low, high]: readonly [number, number]) =>
    Math.exp(random.between(Math.log(low), Math.log(high)));
  const anywhere = () => ({ x: random.uniform(), y: random.uniform() });

  const crop = happens(a.resizedCrop)
    ? { scale: between(a.resizedCrop!.scale), ratio: logBetween(a.resizedCrop!.ratio), ...anywhere() }
    : undefined;
  const horizontalFlip = happens(a.horizontalFlip);
  const verticalFlip = happens(a.verticalFlip);
  const rotation = happens(a.rotation) ? between(a.rotation!.degrees) : 0;
  const shear = happens(a.shear) ? between(a.shear!.degrees) : 0;
  const [x, y] = happens(a.translation) ? [between(a.translation!.fraction), between(a.translation!.fraction)] : [0, 0];
  const straight = rotation === 0 && shear === 0 && x === 0 && y === 0;
  const brightness = happens(a.brightness) ? between(a.brightness!.factor) : 1;
  const contrast = happens(a.contrast) ? between(a.contrast!.factor) : 1;
  const saturation = happens(a.saturation) ? between(a.saturation!.factor) : 1;
  const hue = happens(a.hue) ? between(a.hue!.degrees) : 0;
  const grey = happens(a.greyscale);
  const blur = happens(a.blur) ? between(a.blur!.sigma) : 0;
  const erasing = happens(a.erasing)
    ? { area: between(a.erasing!.area), ratio: logBetween(a.erasing!.ratio), ...anywhere() }
    : undefined;
  return {
    crop,
    horizontalFlip,
    verticalFlip,
    affine: straight ? undefined : { rotation, shear, x, y, fill: a.rotation?.fill ?? 'mean' },
    brightness,
    contrast,
    saturation: grey ? 0 : saturation,
    hue: grey ? 0 : hue,
    blur,
    erasing,
  };
}

/** A rectangle of `area` (a part of the whole) and proportions `ratio`, no larger than the whole, placed by `x` and `y`. */
function place(whole: { width: number; height: number }, area: number, ratio: number, x: number, y: number): Rectangle {
  const width = Math.min(whole.width, Math.max(1, Math.round(Math.sqrt(area * whole.width * whole.height * ratio))));
  const height = Math.min(
    whole.height,
    Math.max(1, Math.round(Math.sqrt((area * whole.width * whole.height) / ratio))),
  );
  return {
    left: Math.floor(x * (whole.width - width + 1)),
    top: Math.floor(y * (whole.height - height + 1)),
    width,
    height,
  };
}

/** The part of a picture that is cut out, in whole pixels, for an input of `width / height = aspect`. */
export const cropRectangle = (
  crop: NonNullable<AugmentationDraw['crop']>,
  picture: { width: number; height: number },
  aspect: number,
) => place(picture, crop.scale, crop.ratio * aspect, crop.x, crop.y);

/** The part of the input that is erased, in whole pixels. */
export const erasedRectangle = (
  erasing: NonNullable<AugmentationDraw['erasing']>,
  input: { width: number; height: number },
) => place(input, erasing.area, erasing.ratio, erasing.x, erasing.y);
