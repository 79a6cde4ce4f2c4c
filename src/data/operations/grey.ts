import type { Toned } from './toned.ts';

/** Grey value with torchvision's weights, truncated to an integer (`rgb_to_grayscale`). */
export const greyOf = (red: number, green: number, blue: number): number =>
  Math.fround(0.2989 * red + 0.587 * green + 0.114 * blue) | 0;

/** Mean over all pixels, 0 to 255. */
export function meanGrey({ pixels: { data }, tables: [red, green, blue] }: Toned): number {
  let sum = 0;
  for (let i = 0; i < data.length; i += 3) sum += greyOf(red[data[i]], green[data[i + 1]], blue[data[i + 2]]);
  return (3 * sum) / data.length;
}
