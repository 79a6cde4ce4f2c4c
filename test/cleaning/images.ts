import type { Pixels } from '../../src/data/index.ts';
import { Random } from '../../src/random.ts';

/** An image of coloured rectangles. The same seed gives the same image in any size. */
export function drawn(seed: number, width = 128, height = width): Pixels {
  const random = new Random(seed, 'drawn');
  const shapes = Array.from({ length: 24 }, () => ({
    ...{ left: random.between(-0.2, 0.9), top: random.between(-0.2, 0.9) },
    ...{ width: random.between(0.1, 0.5), height: random.between(0.1, 0.5) },
    colour: [random.below(256), random.below(256), random.below(256)],
  }));
  const data = new Uint8Array(width * height * 3).fill(200);
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) {
      const [u, v] = [(x + 0.5) / width, (y + 0.5) / height];
      for (const shape of shapes)
        if (u >= shape.left && u < shape.left + shape.width && v >= shape.top && v < shape.top + shape.height)
          data.set(shape.colour, (y * width + x) * 3);
    }
  return { data, width, height };
}

/** The image with each value changed. */
export const changed = ({ data, ...size }: Pixels, change: (value: number) => number): Pixels => ({
  ...size,
  data: data.map((value) => Math.max(0, Math.min(255, Math.round(change(value))))),
});

export function flipped({ data, width, height }: Pixels): Pixels {
  const result = new Uint8Array(data.length);
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++)
      result.set(data.subarray((y * width + x) * 3, (y * width + x) * 3 + 3), (y * width + width - 1 - x) * 3);
  return { data: result, width, height };
}
