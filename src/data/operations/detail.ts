/** Operations that use a pixel's neighbours, or random noise. */
import { Random } from '../../random.ts';
import type { Pixels } from '../pixels.ts';

/** Precomputed standard normal numbers. Drawing new ones would take ten times as long as the rest of an image. */
let kept: Float32Array | undefined;

export const DETAIL = {
  // f·v + (1 − f)·smoothed with smoothed = (sum of the 8 neighbours + 5·v) / 13; border pixels stay      (torchvision's adjust_sharpness)
  sharpness({ data, width, height }: Pixels, factor: number): Pixels {
    const out = new Uint8Array(data);
    const row = 3 * width;
    for (let y = 1; y < height - 1; y++) {
      for (let i = y * row + 3; i < (y + 1) * row - 3; i++) {
        const above = data[i - row - 3] + data[i - row] + data[i - row + 3];
        const beside = data[i - 3] + 5 * data[i] + data[i + 3];
        const below = data[i + row - 3] + data[i + row] + data[i + row + 3];
        const smoothed = ((above + beside + below) / 13 + 0.5) | 0;
        const value = Math.fround(data[i] + (smoothed - data[i]) * (1 - factor));
        out[i] = value < 0 ? 0 : value > 255 ? 255 : value | 0;
      }
    }
    return { data: out, width, height };
  },

  // v + 255·σ·n with standard normal n      (torchvision's gaussian_noise)
  noise({ data, width, height }: Pixels, sigma: number, seed: number): Pixels {
    const random = new Random(seed, 'noise');
    kept ??= normals(2 ** 16);
    const out = new Uint8ClampedArray(data.length);
    for (let i = 0; i < data.length; i += 2) {
      const bits = random.uint32();
      out[i] = data[i] + 255 * sigma * kept[bits & 0xffff];
      // For an odd length, the last write has no effect.
      out[i + 1] = data[i + 1] + 255 * sigma * kept[bits >>> 16];
    }
    return { data: new Uint8Array(out.buffer), width, height };
  },
};

function normals(count: number): Float32Array {
  const random = new Random(0, 'normals');
  const drawn = new Float32Array(count);
  for (let i = 0; i < count; i++) drawn[i] = random.normal();
  return drawn;
}
