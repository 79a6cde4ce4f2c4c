/** Test images, and a measure of the difference between two results. */
import sharp, { type Sharp } from 'sharp';
import type { Pixels } from '../../../src/data/index.ts';
import type { Random } from '../../../src/random.ts';
import { fromRgb, rgb } from '../images.ts';

/** Noise is the hardest case, because neighbouring pixels are independent. */
export const noise = (width: number, height: number, random: Random): Pixels => ({
  data: Uint8Array.from({ length: width * height * 3 }, () => random.below(256)),
  width,
  height,
});

/** Waves with a hard edge across them. */
export const waves = (width: number, height: number): Pixels => ({
  data: rgb(width, height, (x, y) => {
    const value = 128 + 60 * Math.sin(x / 7) + 60 * Math.cos(y / 9 - x / 31);
    return x > y ? [value, 255 - value, 90] : [255, value / 2, 20];
  }),
  width,
  height,
});

export async function drawn(pipeline: Sharp): Promise<Pixels> {
  const { data, info } = await pipeline.raw().toBuffer({ resolveWithObject: true });
  return { data, width: info.width, height: info.height };
}

export const opened = ({ data, width, height }: Pixels): Sharp => fromRgb(data, width, height);

export const fromFile = (file: string): Promise<Pixels> => drawn(sharp(file).autoOrient().toColourspace('srgb'));

/** Differences in 8-bit steps, or in the units of the values. */
export class Differences {
  greatest = 0;
  private sum = 0;
  private count = 0;

  add(actual: ArrayLike<number>, expected: ArrayLike<number>): void {
    if (actual.length !== expected.length) throw new Error(`${actual.length} values, not ${expected.length}`);
    for (let i = 0; i < actual.length; i++) {
      const difference = Math.abs(actual[i] - expected[i]);
      this.sum += difference;
      if (!(difference <= this.greatest)) this.greatest = difference;
    }
    this.count += actual.length;
  }

  get mean(): number {
    return this.sum / this.count;
  }
}
