import { bitsIn, type Hash } from './fingerprint.ts';

const BANDS = 4;
const KEYS = 2 ** 16;

/** All 16-bit masks of at most two bits. */
const MASKS = Uint16Array.of(
  0,
  ...Array.from({ length: 16 }, (_, i) => 1 << i),
  ...Array.from({ length: 16 }, (_, i) => Array.from({ length: i }, (_, j) => (1 << i) | (1 << j))).flat(),
);

/** Hashes that differ in at most this many of 64 bits are found: one of four bands then differs in at most two. */
export const RADIUS = 11;

const bandOf = (hash: Hash, band: number): number => (hash[band >> 1] >>> (16 * (band & 1))) & 0xffff;

/** Finds similar hashes without comparing all pairs. */
export class HashIndex {
  /** For each band: where the members of each key start, and the members. */
  private readonly bands: { readonly starts: Uint32Array; readonly members: Uint32Array }[];
  private readonly seen: Int32Array;
  private query = 0;
  /** The halves of the hashes, without an object for each. */
  private readonly halves: readonly [Uint32Array, Uint32Array];

  constructor(hashes: readonly Hash[]) {
    this.halves = [Uint32Array.from(hashes, ([first]) => first), Uint32Array.from(hashes, ([, second]) => second)];
    this.seen = new Int32Array(hashes.length).fill(-1);
    this.bands = Array.from({ length: BANDS }, (_, band) => {
      const starts = new Uint32Array(KEYS + 1);
      for (const hash of hashes) starts[bandOf(hash, band) + 1]++;
      for (let key = 0; key < KEYS; key++) starts[key + 1] += starts[key];
      const next = starts.slice();
      const members = new Uint32Array(hashes.length);
      for (const [i, hash] of hashes.entries()) members[next[bandOf(hash, band)]++] = i;
      return { starts, members };
    });
  }

  /** Indices of all hashes within `RADIUS`. */
  near(hash: Hash): number[] {
    const { seen, halves } = this;
    const [first, second] = halves;
    const found: number[] = [];
    const query = this.query++;
    for (let band = 0; band < BANDS; band++) {
      const { starts, members } = this.bands[band];
      const own = bandOf(hash, band);
      for (let m = 0; m < MASKS.length; m++) {
        const key = own ^ MASKS[m];
        for (let at = starts[key]; at < starts[key + 1]; at++) {
          const i = members[at];
          if (seen[i] === query) continue;
          seen[i] = query;
          if (bitsIn(hash[0] ^ first[i]) + bitsIn(hash[1] ^ second[i]) <= RADIUS) found.push(i);
        }
      }
    }
    return found;
  }
}
