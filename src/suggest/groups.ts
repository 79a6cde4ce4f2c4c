import { Random } from '../random.ts';
import { rowOf, rowsIn, squaredDistance, type Vectors } from './vectors.ts';

/** Lloyd's iterations. */
const ITERATIONS = 10;

/**
 * Divides the samples into groups by weighted k-means, and takes the sample nearest to the centre of each (Zhdanov, "Diverse mini-batch active
 * learning", 2019). The start is that of k-means++ (Arthur and Vassilvitskii, 2007).
 *
 * @param weights positive; heavy samples attract the centres
 * @returns a sample of each group, the group of the largest weight first
 */
export function typicalOfGroups(
  samples: Vectors,
  weights: ArrayLike<number>,
  count: number,
  seed: number,
): readonly number[] {
  const centres = firstCentres(samples, weights, Math.min(count, rowsIn(samples)), new Random(seed, 'groups'));
  let groups = grouped(samples, weights, centres);
  for (let i = 1; i < ITERATIONS; i++) groups = grouped(samples, weights, groups.centres);
  const order = groups.centres.map((_, c) => c).sort((a, b) => groups.weights[b] - groups.weights[a] || a - b);
  const chosen = new Set<number>();
  for (const c of order) chosen.add(nearestFree(samples, groups.centres[c], chosen));
  return [...chosen];
}

/** Draws each centre with a probability in proportion to its weight and its squared distance from the others. */
function firstCentres(samples: Vectors, weights: ArrayLike<number>, count: number, random: Random): Float32Array[] {
  const all = rowsIn(samples);
  const squares = new Float64Array(all).fill(1);
  const centres: Float32Array[] = [];
  while (centres.length < count) {
    let total = 0;
    for (let i = 0; i < all; i++) total += squares[i] * weights[i];
    let left = random.uniform() * total;
    let drawn = 0;
    while (drawn < all - 1 && left >= squares[drawn] * weights[drawn]) left -= squares[drawn] * weights[drawn++];
    const centre = rowOf(samples, drawn).slice();
    for (let i = 0; i < all; i++) {
      const square = squaredDistance(rowOf(samples, i), centre);
      squares[i] = centres.length ? Math.min(squares[i], square) : square;
    }
    centres.push(centre);
  }
  return centres;
}

/** Assigns samples to their nearest centres, and moves the centres to the weighted means. An empty group keeps its centre. */
function grouped(samples: Vectors, weights: ArrayLike<number>, centres: readonly Float32Array[]) {
  const { size } = samples;
  const sums = centres.map(() => new Float64Array(size));
  const totals = new Float64Array(centres.length);
  for (let i = 0; i < rowsIn(samples); i++) {
    const row = rowOf(samples, i);
    const own = nearest(row, centres);
    totals[own] += weights[i];
    for (let f = 0; f < size; f++) sums[own][f] += weights[i] * row[f];
  }
  const moved = centres.map((centre, c) =>
    totals[c] > 0 ? Float32Array.from(sums[c], (sum) => sum / totals[c]) : centre,
  );
  return { centres: moved, weights: totals };
}

function nearest(row: Float32Array, centres: readonly Float32Array[]): number {
  let best = 0;
  let least = Number.POSITIVE_INFINITY;
  for (let c = 0; c < centres.length; c++) {
    const square = squaredDistance(row, centres[c]);
    if (square < least) [best, least] = [c, square];
  }
  return best;
}

function nearestFree(samples: Vectors, centre: Float32Array, taken: ReadonlySet<number>): number {
  let best = -1;
  let least = Number.POSITIVE_INFINITY;
  for (let i = 0; i < rowsIn(samples); i++) {
    const square = squaredDistance(rowOf(samples, i), centre);
    if (square < least && !taken.has(i)) [best, least] = [i, square];
  }
  return best;
}
