/** Samples that are the same: equal contents, or images that look alike after scaling, compression, cropping, brightening or mirroring. */
import { type Features, normalized, product } from './features.ts';
import { type Fingerprint, likeness } from './fingerprint.ts';
import { HashIndex } from './hash-index.ts';

export interface Comparable {
  /** Identifies the content: the digest of a file, or a normalized text. */
  readonly digest: string;
  /** None for texts. */
  readonly fingerprint?: Fingerprint;
}

export type Likeness = 'same' | 'near' | 'mirrored';

/** Thumbnails with this correlation are of the same image. */
const SURE = 0.97;
/** With this correlation, they are if the features have a cosine of at least `COSINE`. */
const LIKELY = 0.92;
const COSINE = 0.8;

/** Compares pairs of samples. */
export class Comparison {
  private readonly rows: Float32Array;

  constructor(
    private readonly samples: readonly Comparable[],
    private readonly features: Features,
  ) {
    this.rows = normalized(features);
  }

  /** How two samples are alike; undefined if they are different. */
  of(i: number, j: number): Likeness | undefined {
    const [a, b] = [this.samples[i], this.samples[j]];
    if (a.digest === b.digest) return 'same';
    if (!a.fingerprint || !b.fingerprint) return undefined;
    const { correlation, isMirrored } = likeness(a.fingerprint, b.fingerprint);
    const isAlike = correlation >= SURE || (correlation >= LIKELY && this.cosine(i, j) >= COSINE);
    return isAlike ? (isMirrored ? 'mirrored' : 'near') : undefined;
  }

  private cosine(i: number, j: number): number {
    const { size } = this.features;
    return product(this.rows, i * size, this.rows, j * size, size);
  }
}

/** The group of each sample. Samples of a group are duplicates of each other, some through a third one. */
export function duplicateGroups(samples: readonly Comparable[], comparison: Comparison): number[] {
  const parents = samples.map((_, i) => i);
  const rootOf = (i: number): number => {
    let root = i;
    while (parents[root] !== root) root = parents[root] = parents[parents[root]];
    return root;
  };
  const join = (i: number, j: number) => {
    const [a, b] = [rootOf(i), rootOf(j)];
    parents[Math.max(a, b)] = Math.min(a, b);
  };
  const firsts = new Map<string, number>();
  for (const [i, { digest }] of samples.entries()) {
    const first = firsts.get(digest);
    if (first === undefined) firsts.set(digest, i);
    else join(first, i);
  }
  const images = [...firsts.values()].filter((i) => samples[i].fingerprint);
  const index = new HashIndex(images.map((i) => samples[i].fingerprint!.hash));
  for (const i of images) {
    const { hash, mirroredHash } = samples[i].fingerprint!;
    for (const at of [...index.near(hash), ...index.near(mirroredHash)]) {
      const j = images[at];
      if (j < i && rootOf(i) !== rootOf(j) && comparison.of(i, j)) join(i, j);
    }
  }
  return samples.map((_, i) => rootOf(i));
}
