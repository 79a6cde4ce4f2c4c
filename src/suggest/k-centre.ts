import { rowOf, rowsIn, squaredDistance, type Vectors } from './vectors.ts';

/** A chosen sample, and its distance from the nearest centre at that time; infinite without centres. */
export interface Pick {
  readonly sample: number;
  readonly distance: number;
}

/**
 * Greedy k-centre: each choice is the sample that is farthest from all centres (Gonzalez, 1985; for active learning: Sener and Savarese, 2018).
 *
 * @param centres the first centres; without any, the first choice is the sample nearest to the mean
 */
export function kCentre(samples: Vectors, count: number, centres?: Vectors): Pick[] {
  const all = rowsIn(samples);
  const squares = new Float32Array(all).fill(Number.POSITIVE_INFINITY);
  const cover = (centre: Float32Array) => {
    for (let i = 0; i < all; i++) squares[i] = Math.min(squares[i], squaredDistance(rowOf(samples, i), centre));
  };
  for (let row = 0; centres && row < rowsIn(centres); row++) cover(rowOf(centres, row));
  const picks: Pick[] = [];
  while (picks.length < Math.min(count, all)) {
    const sample = Number.isFinite(squares[0]) || picks.length ? indexOfLargest(squares) : nearestToMean(samples);
    picks.push({ sample, distance: Math.sqrt(squares[sample]) });
    cover(rowOf(samples, sample));
    // A copy of another sample has the distance 0, but is not chosen yet.
    squares[sample] = -1;
  }
  return picks;
}

function indexOfLargest(values: Float32Array): number {
  let best = 0;
  for (let i = 1; i < values.length; i++) if (values[i] > values[best]) best = i;
  return best;
}

function nearestToMean(samples: Vectors): number {
  const all = rowsIn(samples);
  const mean = new Float32Array(samples.size);
  for (let i = 0; i < samples.values.length; i++) mean[i % samples.size] += samples.values[i] / all;
  let best = 0;
  for (let i = 1; i < all; i++)
    if (squaredDistance(rowOf(samples, i), mean) < squaredDistance(rowOf(samples, best), mean)) best = i;
  return best;
}
