/** Samples that are unlike all others, by the distance to their nearest neighbours in features. */
import { Random } from '../random.ts';
import { type Features, normalized, product, projected, standardized } from './features.ts';
import { median } from './median.ts';

export interface OutlierRequest extends Features {
  /** Samples of a group do not count as each other's neighbours, such as duplicates. */
  readonly groups: readonly number[];
  readonly seed?: number;
}

export interface Outlier {
  readonly index: number;
  /** Robust standard deviations above the median distance. */
  readonly deviation: number;
}

const NEIGHBOURS = 5;
/** Robust standard deviations above the median from which a sample is an outlier. */
const FAR = 5;
/** A subset of the samples is enough to be compared with. */
const COMPARED = 2000;
/** Products above which features are projected first, and the length then. */
const MOST_PRODUCTS = 5e9;
const PROJECTED = 64;
/** With fewer samples, distances say little. */
const FEWEST = 20;

/** Outliers, the farthest first. */
export function findOutliers({ features, size, groups, seed = 0 }: OutlierRequest): Outlier[] {
  const count = groups.length;
  if (count < FEWEST) return [];
  const distances = neighbourDistances({ features, size, groups, seed });
  const centre = median(distances);
  const spread = 1.4826 * median(distances.map((distance) => Math.abs(distance - centre)));
  return distances
    .map((distance, index) => ({ index, deviation: (distance - centre) / Math.max(spread, 1e-9) }))
    .filter(({ deviation }) => deviation > FAR)
    .sort((a, b) => b.deviation - a.deviation);
}

/** The mean cosine distance of each sample to its nearest neighbours. */
function neighbourDistances({ features, size, groups, seed }: Required<OutlierRequest>): number[] {
  const count = groups.length;
  const compared = new Random(seed, 'outliers').shuffle([...groups.keys()]).slice(0, COMPARED);
  const scaled = standardized({ features, size });
  const isLarge = count * compared.length * size > MOST_PRODUCTS && size > PROJECTED;
  const length = isLarge ? PROJECTED : size;
  const rows = normalized({
    features: isLarge ? projected({ features: scaled, size }, PROJECTED, seed) : scaled,
    size: length,
  });
  return groups.map((group, i) => {
    const nearest = new Array<number>(NEIGHBOURS).fill(2);
    for (const j of compared) {
      if (groups[j] === group) continue;
      const distance = 1 - product(rows, i * length, rows, j * length, length);
      if (distance >= nearest[NEIGHBOURS - 1]) continue;
      let at = NEIGHBOURS - 1;
      for (; at > 0 && nearest[at - 1] > distance; at--) nearest[at] = nearest[at - 1];
      nearest[at] = distance;
    }
    return nearest.reduce((all, distance) => all + distance, 0) / NEIGHBOURS;
  });
}
