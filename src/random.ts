/**
 * Seeded random numbers: the same seed gives the same numbers on every machine, and the state can be saved and restored.
 *
 * The generator is xoshiro128** (Blackman and Vigna, "Scrambled linear pseudorandom number generators", 2021), its state
 * filled by SplitMix32 from the seed and a list of keys, so that independent streams can be named: `new Random(seed, 'split')`.
 */
export type RandomState = readonly [number, number, number, number];

export class Random {
  private readonly state: Uint32Array;

  constructor(seed: number, ...keys: (string | number)[]) {
    let hash = seed >>> 0;
    for (const key of keys) {
      for (const character of String(key)) hash = Math.imul(hash ^ character.codePointAt(0)!, 0x01000193) >>> 0;
      hash = Math.imul(hash ^ 0xff, 0x01000193) >>> 0;
    }
    this.state = Uint32Array.from({ length: 4 }, () => {
      hash = (hash + 0x9e3779b9) >>> 0;
      let z = hash;
      z = Math.imul(z ^ (z >>> 16), 0x85ebca6b);
      z = Math.imul(z ^ (z >>> 13), 0xc2b2ae35);
      return z ^ (z >>> 16);
    });
  }

  static restore(state: RandomState): Random {
    const random = new Random(0);
    random.state.set(state);
    return random;
  }

  save(): RandomState {
    return [this.state[0], this.state[1], this.state[2], this.state[3]];
  }

  /** A 32-bit unsigned integer. */
  uint32(): number {
    const s = this.state;
    const x = Math.imul(s[1], 5);
    const result = Math.imul((x << 7) | (x >>> 25), 9) >>> 0;
    const t = s[1] << 9;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = (s[3] << 11) | (s[3] >>> 21);
    return result;
  }

  /** Uniform in [0, 1), 32 bits of it. */
  uniform(): number {
    return this.uint32() / 0x1_0000_0000;
  }

  /** Uniform in [low, high). */
  between(low: number, high: number): number {
    return low + (high - low) * this.uniform();
  }

  /** An integer in [0, bound). */
  below(bound: number): number {
    return Math.floor(this.uniform() * bound);
  }

  /** Standard normal (Box and Muller, 1958). */
  normal(): number {
    return Math.sqrt(-2 * Math.log(1 - this.uniform())) * Math.cos(2 * Math.PI * this.uniform());
  }

  /** Gamma of a shape above 0 and scale 1 (Marsaglia and Tsang, "A simple method for generating gamma variables", 2000). */
  gamma(shape: number): number {
    if (shape < 1) return this.gamma(shape + 1) * (1 - this.uniform()) ** (1 / shape);
    const d = shape - 1 / 3;
    for (;;) {
      const x = this.normal();
      const v = (1 + x / Math.sqrt(9 * d)) ** 3;
      if (v > 0 && Math.log(1 - this.uniform()) < x ** 2 / 2 + d - d * v + d * Math.log(v)) return d * v;
    }
  }

  /** Between 0 and 1, of mean a / (a + b). */
  beta(a: number, b: number): number {
    return this.dirichletOf([a, b])[0];
  }

  /** `count` numbers of the sum 1, none preferred. */
  dirichlet(alpha: number, count: number): number[] {
    return this.dirichletOf(new Array<number>(count).fill(alpha));
  }

  private dirichletOf(alphas: readonly number[]): number[] {
    const parts = alphas.map((alpha) => this.gamma(alpha));
    const sum = parts.reduce((all, part) => all + part);
    // With very small alphas all may come out as 0: one takes everything.
    if (sum === 0) {
      const one = this.below(alphas.length);
      return alphas.map((_, i) => Number(i === one));
    }
    return parts.map((part) => part / sum);
  }

  chance(probability: number): boolean {
    return this.uniform() < probability;
  }

  /** A new array with the items in random order (Fisher and Yates). */
  shuffle<T>(items: readonly T[]): T[] {
    const result = [...items];
    for (let i = result.length - 1; i > 0; i--) {
      const j = this.below(i + 1);
      [result[i], result[j]] = [result[j], result[i]];
    }
    return result;
  }
}
