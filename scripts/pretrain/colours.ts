import type { Random } from '../../src/random.ts';

/** Red, green and blue, each 0 to 255. */
export type Colour = readonly [number, number, number];

/** Two random colours with enough contrast in lightness to read one on the other; either may be the darker. */
export function inkAndPaper(random: Random): { ink: Colour; paper: Colour } {
  const dark = anyColour(random, 0, 100);
  // Rec. 709 luma differs by 90 of 255 or more.
  const light = anyColour(random, Math.min(200, luma(dark) + 90), 255);
  return random.chance(0.7) ? { ink: dark, paper: light } : { ink: light, paper: dark };
}

/** A random hue mixed with grey to a random luma between `low` and `high`. */
function anyColour(random: Random, low: number, high: number): Colour {
  const target = random.between(low, high);
  const raw: Colour = [random.between(0, 255), random.between(0, 255), random.between(0, 255)];
  const saturation = random.uniform();
  const own = luma(raw);
  // Mixed with grey to reach the target, then clipped: near black and white, saturation decreases.
  return raw.map((value) => Math.min(255, Math.max(0, target + saturation * (value - own)))) as unknown as Colour;
}

function luma([red, green, blue]: Colour): number {
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}
