/** Operations on the colours of single pixels. Formulas and rounding are those of torchvision for `uint8`. */
import type { Pixels } from '../pixels.ts';
import { greyOf } from './grey.ts';
import type { Toned } from './toned.ts';

/** All permutations of red, green and blue except the identity. */
export const CHANNEL_ORDERS: readonly (readonly [number, number, number])[] = [
  [0, 2, 1],
  [1, 0, 2],
  [1, 2, 0],
  [2, 0, 1],
  [2, 1, 0],
];

/** Drops the fraction and clamps to 0 to 255. Uses comparisons of integers instead of `Math.min`, because it runs for each value. */
function byte(value: number): number {
  const whole = value | 0;
  return whole < 0 ? 0 : whole > 255 ? 255 : whole;
}

/** @param write writes a pixel's new values to `out[at …]` */
function pixelByPixel(
  { pixels: { data, width, height }, tables: [red, green, blue] }: Toned,
  write: (red: number, green: number, blue: number, out: Uint8Array, at: number) => void,
): Pixels {
  const out = new Uint8Array(data.length);
  for (let i = 0; i < data.length; i += 3) {
    write(red[data[i]], green[data[i + 1]], blue[data[i + 2]], out, i);
  }
  return { data: out, width, height };
}

export const COLOURS = {
  // f·v + (1 − f)·grey      (adjust_saturation)
  saturation({ pixels, tables }: Toned, factor: number): Pixels {
    const { data, width, height } = pixels;
    const [red, green, blue] = tables;
    const out = new Uint8Array(data.length);
    for (let i = 0; i < data.length; i += 3) {
      const r = red[data[i]];
      const g = green[data[i + 1]];
      const b = blue[data[i + 2]];
      const rest = (1 - factor) * greyOf(r, g, b);
      out[i] = byte(Math.fround(factor * r + rest));
      out[i + 1] = byte(Math.fround(factor * g + rest));
      out[i + 2] = byte(Math.fround(factor * b + rest));
    }
    return { data: out, width, height };
  },

  // grey in all channels      (rgb_to_grayscale)
  greyscale: (image: Toned) =>
    pixelByPixel(image, (red, green, blue, out, at) => {
      out.fill(greyOf(red, green, blue), at, at + 3);
    }),

  // rotated hue of HSV      (adjust_hue)
  hue: (image: Toned, degrees: number) => {
    const turn = degrees / 60;
    return pixelByPixel(image, (red, green, blue, out, at) => {
      const most = Math.max(red, green, blue);
      const range = most - Math.min(red, green, blue);
      const sextant = range === 0 ? 0 : hueOf(red, green, blue, most, range) + turn;
      out[at] = channel(5, sextant, most, range);
      out[at + 1] = channel(3, sextant, most, range);
      out[at + 2] = channel(1, sextant, most, range);
    });
  },

  // permuted red, green and blue      (permute_channels)
  channelShuffle: (image: Toned, order: number) => {
    const [first, second, third] = CHANNEL_ORDERS[order];
    return pixelByPixel(image, (red, green, blue, out, at) => {
      const from = [red, green, blue];
      out[at] = from[first];
      out[at + 1] = from[second];
      out[at + 2] = from[third];
    });
  },
};

/** v − v·s·max(0, min(1, k, 4 − k)), k = (n + h/60°) mod 6      (Wikipedia, "HSL and HSV": HSV to RGB, alternative) */
function channel(n: number, sextant: number, most: number, range: number): number {
  const turned = n + sextant;
  const k = turned - 6 * Math.floor(turned / 6);
  return byte(Math.fround(most - range * Math.max(0, Math.min(1, k, 4 - k))) * (255.999 / 255));
}

/** The hue in sixths of the circle. */
function hueOf(red: number, green: number, blue: number, most: number, range: number): number {
  if (most === red) return (green - blue) / range;
  return most === green ? 2 + (blue - red) / range : 4 + (red - green) / range;
}
