/** Operations on the colours of single pixels. Formulas and rounding are those of torchvision for `uint8`. */
import type { Pixels } from '../pixels.ts';
import { greyOf } from './grey.ts';

/** All permutations of red, green and blue except the identity. */
export const CHANNEL_ORDERS: readonly (readonly [number, number, number])[] = [
  [0, 2, 1],
  [1, 0, 2],
  [1, 2, 0],
  [2, 0, 1],
  [2, 1, 0],
];

/** Clamps to 0 to 255; storing it drops the fraction. Uses comparisons instead of `Math.min`, because it runs for each value. */
const byte = (value: number): number => (value < 0 ? 0 : value > 255 ? 255 : value);

/** @param write writes a pixel's new values to `out[at …]` */
function pixelByPixel(
  { data, width, height }: Pixels,
  write: (red: number, green: number, blue: number, out: Uint8Array, at: number) => void,
): Pixels {
  const out = new Uint8Array(data.length);
  for (let i = 0; i < data.length; i += 3) write(data[i], data[i + 1], data[i + 2], out, i);
  return { data: out, width, height };
}

export const COLOURS = {
  // f·v + (1 − f)·grey      (adjust_saturation)
  saturation: (pixels: Pixels, factor: number) =>
    pixelByPixel(pixels, (red, green, blue, out, at) => {
      const rest = (1 - factor) * greyOf(red, green, blue);
      out[at] = byte(Math.fround(factor * red + rest));
      out[at + 1] = byte(Math.fround(factor * green + rest));
      out[at + 2] = byte(Math.fround(factor * blue + rest));
    }),

  // grey in all channels      (rgb_to_grayscale)
  greyscale: (pixels: Pixels) =>
    pixelByPixel(pixels, (red, green, blue, out, at) => {
      out.fill(greyOf(red, green, blue), at, at + 3);
    }),

  // rotated hue of HSV      (adjust_hue)
  hue: (pixels: Pixels, degrees: number) => {
    const turn = degrees / 60;
    return pixelByPixel(pixels, (red, green, blue, out, at) => {
      const most = Math.max(red, green, blue);
      const range = most - Math.min(red, green, blue);
      const sextant = range === 0 ? 0 : hueOf(red, green, blue, most, range) + turn;
      out[at] = channel(5, sextant, most, range);
      out[at + 1] = channel(3, sextant, most, range);
      out[at + 2] = channel(1, sextant, most, range);
    });
  },

  // permuted red, green and blue      (permute_channels)
  channelShuffle: (pixels: Pixels, order: number) => {
    const [first, second, third] = CHANNEL_ORDERS[order];
    return pixelByPixel(pixels, (red, green, blue, out, at) => {
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
