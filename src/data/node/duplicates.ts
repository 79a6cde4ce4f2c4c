/** Images that show the same: compared in small, where scaling, compression and mirroring make no difference. */

/** Width and height of what is compared. */
export const THUMB = 16;
const VALUES = THUMB * THUMB * 3;

/** 8-bit RGB, `THUMB` x `THUMB`, row by row. */
export type Thumb = Uint8Array;

export interface Duplicate {
  /** `same` to the last value of the thumbnails, `near` within `NEAR`, `mirrored` within it after left and right are exchanged. */
  readonly kind: 'same' | 'near' | 'mirrored';
  /** Places in the two lists. */
  readonly first: number;
  readonly second: number;
}

/**
 * Root of the mean square of the differences, in steps of 255. Of 160 photographs saved again at half the size with JPEG's quality
 * 60, 158 are within it; the most alike of 360 different ones are 21 apart.
 */
export const NEAR = 6;

/** Thumbnails that vary less say nothing: two white pages look the same in small. */
const PLAIN = 8;

interface Known {
  readonly at: number;
  readonly thumb: Thumb;
  readonly mean: number;
}

/** For each image of the second list its nearest in the first, where that is as good as the same. */
export function findDuplicates(
  first: readonly (Thumb | undefined)[],
  second: readonly (Thumb | undefined)[],
): Duplicate[] {
  const known = first
    .flatMap((thumb, at): Known[] => (thumb ? [{ at, thumb, mean: meanOf(thumb) }] : []))
    .sort((a, b) => a.mean - b.mean);
  return second.flatMap((thumb, at) => {
    if (!thumb || deviationOf(thumb) < PLAIN) return [];
    const mirror = mirrored(thumb);
    const mean = meanOf(thumb);
    let best: Duplicate | undefined;
    let least = NEAR * NEAR * VALUES;
    // Means of images within NEAR are within NEAR.
    for (let i = firstAbove(known, mean - NEAR); i < known.length && known[i].mean <= mean + NEAR; i++) {
      for (const [kind, own] of [
        ['near', thumb],
        ['mirrored', mirror],
      ] as const) {
        const distance = distanceBelow(known[i].thumb, own, least);
        if (distance > least || (best && distance === least)) continue;
        least = distance;
        best = { kind: kind === 'near' && distance === 0 ? 'same' : kind, first: known[i].at, second: at };
      }
    }
    return best ? [best] : [];
  });
}

const meanOf = (thumb: Thumb): number => thumb.reduce((all, value) => all + value, 0) / thumb.length;

function deviationOf(thumb: Thumb): number {
  const mean = meanOf(thumb);
  return Math.sqrt(thumb.reduce((all, value) => all + (value - mean) ** 2, 0) / thumb.length);
}

function firstAbove(known: readonly Known[], mean: number): number {
  let [low, high] = [0, known.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (known[middle].mean < mean) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Sum of squares; more than `most` where it is that, without going on. */
function distanceBelow(a: Thumb, b: Thumb, most: number): number {
  let sum = 0;
  for (let i = 0; i < VALUES && sum <= most; i++) sum += (a[i] - b[i]) ** 2;
  return sum;
}

function mirrored(thumb: Thumb): Thumb {
  const result = new Uint8Array(VALUES);
  for (let y = 0; y < THUMB; y++)
    for (let x = 0; x < THUMB; x++)
      for (let c = 0; c < 3; c++) result[(y * THUMB + x) * 3 + c] = thumb[(y * THUMB + THUMB - 1 - x) * 3 + c];
  return result;
}
