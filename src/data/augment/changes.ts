/** Configuration of augmentation, as plain JSON. */
import * as z from 'zod';

const probability = z.number().min(0).max(1);
const whole = (low: number, high: number) => z.number().int().min(low).max(high);
const ordered = (end: z.ZodNumber) =>
  z.tuple([end, end]).refine(([from, to]) => from <= to, 'the first number must not be above the second');
const range = (low: number, high: number) => ordered(z.number().min(low).max(high));
const happening = z.strictObject({ probability });
const factor = z.strictObject({ probability, factor: range(0, 10) });

/** In the order of application. Exception: all geometric changes come first, in one transform. */
export const changesSchema = z.strictObject({
  /** Fill for areas beyond the image's edge: the mean colour, or the repeated edge. */
  fill: z.enum(['mean', 'edge']).optional(),

  /** Rotates the whole image by 90, 180 or 270 degrees, before any crop. */
  quarterTurn: happening.optional(),
  /** Random crop instead of the fixed one: `scale` of the image's area, with `ratio` times the input's aspect ratio. */
  resizedCrop: z.strictObject({ probability, scale: range(0.01, 1), ratio: range(0.1, 10) }).optional(),
  horizontalFlip: happening.optional(),
  verticalFlip: happening.optional(),
  /** Above 1 enlarges, below 1 shrinks. */
  zoom: z.strictObject({ probability, factor: range(0.1, 10) }).optional(),
  /** Along `x`, `y` or both, each with its own angle. */
  shear: z
    .strictObject({ probability, degrees: range(-60, 60), along: z.enum(['x', 'y', 'both']).optional() })
    .optional(),
  /** Anticlockwise. */
  rotation: z.strictObject({ probability, degrees: range(-180, 180) }).optional(),
  /** By a fraction of the width and of the height. */
  translation: z.strictObject({ probability, fraction: range(-0.9, 0.9) }).optional(),
  /** Each corner moves inwards by up to `distortion` of half the width and half the height. */
  perspective: z.strictObject({ probability, distortion: z.number().min(0).max(0.95) }).optional(),
  /** Moves each pixel by noise, smoothed by a Gaussian of `sigma` input pixels. `alpha` is twice the factor, as in torchvision. */
  elastic: z.strictObject({ probability, alpha: range(0, 1000), sigma: range(0.5, 50) }).optional(),
  /** Gaussian; `sigma` in pixels of the model's input. */
  blur: z.strictObject({ probability, sigma: range(0.3, 50) }).optional(),

  /** One of fourteen operations, at a random strength (Müller and Hutter, 2021). */
  trivialAugment: happening.optional(),
  /** A sequence of `operations` operations with strength `magnitude` of 30 (Cubuk et al., 2020). */
  randAugment: z
    .strictObject({ probability, operations: whole(1, 14).optional(), magnitude: whole(0, 30).optional() })
    .optional(),
  /** A blend of the image and `width` chains of one to three operations, with strengths up to `severity` of 10 (Hendrycks et al., 2020). */
  augMix: z
    .strictObject({
      probability,
      severity: whole(1, 10).optional(),
      width: whole(1, 10).optional(),
      alpha: z.number().min(0.01).max(100).optional(),
    })
    .optional(),

  /** Multiplies every value. */
  brightness: factor.optional(),
  /** 0 is the mean grey, 1 the unchanged image. */
  contrast: factor.optional(),
  /** 0 is greyscale, 1 the unchanged image. */
  saturation: factor.optional(),
  hue: z.strictObject({ probability, degrees: range(-180, 180) }).optional(),
  /** Raises each value, from 0 to 1, to a power. */
  gamma: z.strictObject({ probability, gamma: range(0.05, 20) }).optional(),
  greyscale: happening.optional(),
  /** 0 is smoothed, 1 unchanged, 2 sharpened. */
  sharpness: factor.optional(),
  /** Stretches each channel to the full range from 0 to 255. */
  autocontrast: happening.optional(),
  /** Equalizes the histogram of each channel. */
  equalize: happening.optional(),
  /** Keeps this many bits of each value. */
  posterize: z.strictObject({ probability, bits: ordered(whole(1, 8)) }).optional(),
  /** Inverts values of at least `threshold`, 0 to 255. */
  solarize: z.strictObject({ probability, threshold: range(0, 255) }).optional(),
  invert: happening.optional(),
  /** Permutes red, green and blue. */
  channelShuffle: happening.optional(),
  /** Gaussian noise per value, with `sigma` as a fraction of the value range. */
  noise: z.strictObject({ probability, sigma: range(0, 1) }).optional(),
  /** Saves the image as a JPEG of this quality and reads it back. */
  jpeg: z.strictObject({ probability, quality: ordered(whole(1, 100)) }).optional(),
  /** Fills a rectangle with the mean or with noise: `area` of the input, with a width of `ratio` times its height. */
  erasing: z
    .strictObject({
      probability,
      area: range(0.001, 1),
      ratio: range(0.1, 10),
      fill: z.enum(['mean', 'noise']).optional(),
    })
    .optional(),
});

/** Each change with its probability and range. A missing change never happens. */
export type Augmentation = z.output<typeof changesSchema>;
