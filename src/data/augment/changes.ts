/** What may happen to training images: plain JSON. */
import * as z from 'zod';

const probability = z.number().min(0).max(1);
const whole = (low: number, high: number) => z.number().int().min(low).max(high);
const ordered = (end: z.ZodNumber) =>
  z.tuple([end, end]).refine(([from, to]) => from <= to, 'the first number must not be above the second');
const range = (low: number, high: number) => ordered(z.number().min(low).max(high));
const happening = z.strictObject({ probability });
const factor = z.strictObject({ probability, factor: range(0, 10) });

/** In the order in which they happen, except that all that moves pixels comes first, in one. */
export const changesSchema = z.strictObject({
  /** What comes into view from beyond the image's edge: the mean colour, or the edge drawn out. */
  fill: z.enum(['mean', 'edge']).optional(),

  /** By 90, 180 or 270 degrees: the whole image, before anything is cut out. */
  quarterTurn: happening.optional(),
  /** Cuts out a part of the image: `scale` of its area, its proportions `ratio` times those of the input; instead of the fixed crop. */
  resizedCrop: z.strictObject({ probability, scale: range(0.01, 1), ratio: range(0.1, 10) }).optional(),
  horizontalFlip: happening.optional(),
  verticalFlip: happening.optional(),
  /** Above 1 enlarges, below 1 shows more than there is. */
  zoom: z.strictObject({ probability, factor: range(0.1, 10) }).optional(),
  /** Along `x`, `y` or both, each by an angle of its own. */
  shear: z
    .strictObject({ probability, degrees: range(-60, 60), along: z.enum(['x', 'y', 'both']).optional() })
    .optional(),
  /** Anticlockwise. */
  rotation: z.strictObject({ probability, degrees: range(-180, 180) }).optional(),
  /** By a part of the width and of the height. */
  translation: z.strictObject({ probability, fraction: range(-0.9, 0.9) }).optional(),
  /** Each corner moves inwards by up to `distortion` of half the width and half the height. */
  perspective: z.strictObject({ probability, distortion: z.number().min(0).max(0.95) }).optional(),
  /** Noise smoothed by a Gaussian of `sigma` pixels of the input moves each pixel; `alpha` is twice its factor, as in torchvision. */
  elastic: z.strictObject({ probability, alpha: range(0, 1000), sigma: range(0.5, 50) }).optional(),
  /** Gaussian; `sigma` in pixels of the model's input. */
  blur: z.strictObject({ probability, sigma: range(0.3, 50) }).optional(),

  /** One operation drawn from fourteen, of a strength drawn from all (Müller and Hutter, 2021). */
  trivialAugment: happening.optional(),
  /** So many `operations` one after the other, each of the strength `magnitude` of 30 (Cubuk et al., 2020). */
  randAugment: z
    .strictObject({ probability, operations: whole(1, 14).optional(), magnitude: whole(0, 30).optional() })
    .optional(),
  /** A blend of the image and `width` chains of one to three operations, each of a strength up to `severity` of 10 (Hendrycks et al., 2020). */
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
  /** 0 is the mean grey of what is seen, 1 the image as it is. */
  contrast: factor.optional(),
  /** 0 is greyscale, 1 the image as it is. */
  saturation: factor.optional(),
  hue: z.strictObject({ probability, degrees: range(-180, 180) }).optional(),
  /** A power of every value from 0 to 1. */
  gamma: z.strictObject({ probability, gamma: range(0.05, 20) }).optional(),
  greyscale: happening.optional(),
  /** 0 is smoothed, 1 the image as it is, 2 sharpened. */
  sharpness: factor.optional(),
  /** Stretches each channel to all values from 0 to 255. */
  autocontrast: happening.optional(),
  /** Makes all values of a channel about equally frequent. */
  equalize: happening.optional(),
  /** Leaves so many bits of every value. */
  posterize: z.strictObject({ probability, bits: ordered(whole(1, 8)) }).optional(),
  /** Inverts the values from `threshold` on, 0 to 255. */
  solarize: z.strictObject({ probability, threshold: range(0, 255) }).optional(),
  invert: happening.optional(),
  /** Red, green and blue in another order. */
  channelShuffle: happening.optional(),
  /** Gaussian; `sigma` as a part of the range of values, each channel of each pixel by itself. */
  noise: z.strictObject({ probability, sigma: range(0, 1) }).optional(),
  /** Saved as a JPEG of such a quality and read again. */
  jpeg: z.strictObject({ probability, quality: ordered(whole(1, 100)) }).optional(),
  /** Fills a rectangle with the mean or with noise: `area` of the input, its width `ratio` times its height. */
  erasing: z
    .strictObject({
      probability,
      area: range(0.001, 1),
      ratio: range(0.1, 10),
      fill: z.enum(['mean', 'noise']).optional(),
    })
    .optional(),
});

/** Each change with its probability and range; what is left out never happens. */
export type Augmentation = z.output<typeof changesSchema>;
