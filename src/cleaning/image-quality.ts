/** Images that a training should not have: blurred, dark, bright, empty, tiny, of an odd shape, or grey among coloured ones. */
import type { Pixels } from '../data/index.ts';
import { lumaAt } from './fingerprint.ts';
import { median } from './median.ts';

/** Measures of one image. Shares of the full range are from 0 to 1. */
export interface ImageMeasures {
  /** Of the file, upright. */
  readonly width: number;
  readonly height: number;
  /** Brightness that 99% of the pixels do not exceed. */
  readonly brightest: number;
  /** Brightness that 1% of the pixels do not exceed. */
  readonly darkest: number;
  /** Standard deviation of the values of all channels. */
  readonly variation: number;
  /** Mean difference between the largest and the smallest channel. */
  readonly colour: number;
  /** Variance of the Laplacian of the brightness, in steps of 255 (Pech-Pacheco et al., 2000). */
  readonly sharpness: number;
}

/** @param image fits into a square of `MEASURED` pixels */
export function measureImage(image: Pixels, { width, height }: Pick<ImageMeasures, 'width' | 'height'>): ImageMeasures {
  const count = image.width * image.height;
  const luma = Float64Array.from({ length: count }, (_, i) => lumaAt(image, i));
  const sorted = luma.slice().sort();
  const quantile = (share: number) => sorted[Math.min(count - 1, Math.floor(share * count))] / 255;
  let [spread, sum, squares] = [0, 0, 0];
  for (let i = 0; i < count; i++) {
    const [r, g, b] = [image.data[3 * i], image.data[3 * i + 1], image.data[3 * i + 2]];
    spread += Math.max(r, g, b) - Math.min(r, g, b);
    sum += r + g + b;
    squares += r * r + g * g + b * b;
  }
  const mean = sum / (3 * count);
  return {
    width,
    height,
    brightest: quantile(0.99),
    darkest: quantile(0.01),
    variation: Math.sqrt(Math.max(0, squares / (3 * count) - mean * mean)) / 255,
    colour: spread / count / 255,
    sharpness: laplacianVariance(luma, image),
  };
}

/** Side of the images to measure: about what a model sees. Blur that is not visible at this size does no harm. */
export const MEASURED = 256;

function laplacianVariance(luma: Float64Array, { width, height }: Pixels): number {
  let [count, sum, squares] = [0, 0, 0];
  for (let y = 1; y < height - 1; y++)
    for (let x = 1; x < width - 1; x++) {
      const i = y * width + x;
      const value = luma[i - 1] + luma[i + 1] + luma[i - width] + luma[i + width] - 4 * luma[i];
      count++;
      sum += value;
      squares += value * value;
    }
  return count ? squares / count - (sum / count) ** 2 : Number.POSITIVE_INFINITY;
}

/** Limits of the checks. */
export interface QualityLimits {
  /** An image is dark if 99% of its pixels are darker, 0 to 1. */
  readonly dark: number;
  /** An image is bright if 99% of its pixels are brighter, 0 to 1. */
  readonly bright: number;
  /** An image is empty if the standard deviation of its values is smaller, 0 to 1. */
  readonly empty: number;
  /** An image is blurred if its sharpness is below this share of the median sharpness. */
  readonly blurred: number;
  /** An image is tiny if its shorter side has fewer pixels, and less than half of the median. */
  readonly tiny: number;
  /** An image has an odd shape if one side is more than so many times as long as the other, and few images are like that. */
  readonly shape: number;
}

export const QUALITY_LIMITS: QualityLimits = {
  dark: 0.32,
  bright: 0.95,
  empty: 0.01,
  blurred: 0.04,
  tiny: 48,
  shape: 3,
};

export type QualityKind = 'blurred' | 'dark' | 'bright' | 'empty' | 'tiny' | 'odd-shape' | 'grey';

export interface QualityFinding {
  readonly kind: QualityKind;
  /** Index of the image. */
  readonly index: number;
  /** The larger, the worse: how far beyond the limit, as a factor. */
  readonly severity: number;
  readonly why: string;
}

/** A shape or a lack of colours is normal for the data set if a larger share of the images has it. */
const RARE = { shape: 0.1, grey: 0.02 };
/** Mean channel difference below which an image is grey. */
const GREY = 0.008;

const percent = (share: number) => `${(100 * share).toFixed(share < 0.1 ? 1 : 0)}%`;

/** If an image has the first kind, the others say nothing about it. */
const EXPLAINS: Readonly<Partial<Record<QualityKind, readonly QualityKind[]>>> = {
  empty: ['dark', 'bright', 'blurred', 'grey'],
  dark: ['blurred'],
  bright: ['blurred'],
};

/** @param images undefined for unreadable images */
export function findBadImages(
  images: readonly (ImageMeasures | undefined)[],
  limits: QualityLimits = QUALITY_LIMITS,
): QualityFinding[] {
  const known = images.filter((image) => image !== undefined);
  const sharpness = median(known.filter(({ variation }) => variation >= limits.empty).map((image) => image.sharpness));
  const side = median(known.map(shorterSide));
  const share = (test: (image: ImageMeasures) => boolean) => known.filter(test).length / known.length;
  const longIsRare = share((image) => shapeOf(image) > limits.shape) <= RARE.shape;
  const greyIsRare = share(({ colour }) => colour < GREY) <= RARE.grey;
  /** A severity above 1 is beyond the limit. */
  const checks = (image: ImageMeasures): (readonly [kind: QualityKind, severity: number, why: string])[] => {
    const { width, height, brightest, darkest, variation, colour } = image;
    const size = `${width} × ${height} pixels`;
    const relative = image.sharpness / sharpness;
    const isSmall = shorterSide(image) < side / 2;
    return [
      ['empty', limits.empty / variation, 'all pixels have almost one colour'],
      ['dark', limits.dark / brightest, `99% of the pixels are darker than ${percent(brightest)}`],
      ['bright', (1 - limits.bright) / (1 - darkest), `99% of the pixels are brighter than ${percent(darkest)}`],
      ['blurred', limits.blurred / relative, `its sharpness is ${percent(relative)} of the median`],
      ['grey', greyIsRare ? GREY / colour : 0, 'no colours; most images have colours'],
      ['tiny', isSmall ? limits.tiny / shorterSide(image) : 0, `${size}; the median shorter side is ${side}`],
      ['odd-shape', longIsRare ? shapeOf(image) / limits.shape : 0, size],
    ];
  };
  return images.flatMap((image, index): QualityFinding[] => {
    const found = image ? checks(image).filter(([, severity]) => severity > 1) : [];
    const explained = found.flatMap(([kind]) => EXPLAINS[kind] ?? []);
    return found
      .filter(([kind]) => !explained.includes(kind))
      .map(([kind, severity, why]) => ({ kind, index, severity, why }));
  });
}

const shorterSide = ({ width, height }: ImageMeasures): number => Math.min(width, height);
const shapeOf = ({ width, height }: ImageMeasures): number => Math.max(width, height) / Math.min(width, height);
