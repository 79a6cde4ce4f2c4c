import { type Dimension, product } from '../onnx/index.ts';

/** Sizes of the symbolic dimensions in one run. */
export type Sizes = Readonly<Record<string, number>>;

const SIZES: readonly (readonly [number, number])[] = [
  [5, 7],
  [11, 13],
  [17, 19],
];

/** The runs that tell symbols apart: a base, then for each symbol the base with another size of it. */
export function planRuns(symbols: readonly string[], batch: readonly [number, number]): Sizes[] {
  const pair = (symbol: string, i: number) => (symbol === 'batch' ? batch : SIZES[i % SIZES.length]);
  const base = Object.fromEntries(symbols.map((symbol, i) => [symbol, pair(symbol, i)[0]]));
  return [base, ...symbols.map((symbol, i) => ({ ...base, [symbol]: pair(symbol, i)[1] }))];
}

/**
 * The dimension that was seen in each run of `planRuns`: a number, a product such as `49*batch`, or one with an affine part such as
 * `batch*sequence+1`, which is `batch` times the atom `sequence+1`.
 *
 * @param seen the dimension's size in each run
 * @param otherwise an atom of its own for what is none of these
 */
export function dimensionFrom(seen: readonly number[], runs: readonly Sizes[], otherwise: string): Dimension {
  const [base] = seen;
  if (seen.every((size) => size === base)) return base;
  const factors: string[] = [];
  let rest = base;
  const affine: { symbol: string; slope: number; offset: number; value: number }[] = [];
  Object.keys(runs[0]).forEach((symbol, i) => {
    const size = seen[i + 1];
    if (size === base) return;
    const [from, to] = [runs[0][symbol], runs[i + 1][symbol]];
    const power = [1, 2].find((k) => size * from ** k === base * to ** k);
    if (power) {
      factors.push(...Array<string>(power).fill(symbol));
      rest /= from ** power;
    } else {
      // size = scale · (slope · symbol + offset), the scale being what the other symbols multiply it with
      const slope = (size - base) / (to - from);
      const offset = base - slope * from;
      affine.push({ symbol, slope, offset, value: base });
    }
  });
  for (const { symbol, slope, offset, value } of affine) {
    if (!Number.isInteger(slope) || !Number.isInteger(offset)) return otherwise;
    const common = gcd(Math.abs(slope), Math.abs(offset));
    factors.push(atom(symbol, slope / common, offset / common));
    rest /= value / common;
  }
  return Number.isInteger(rest) ? product([rest, ...factors]) : otherwise;
}

const gcd = (a: number, b: number): number => (b === 0 ? a : gcd(b, a % b));

/** A name without `*`, which would make it a product. */
const atom = (symbol: string, slope: number, offset: number): string =>
  `${slope === 1 ? '' : slope}${symbol}${offset < 0 ? '' : '+'}${offset}`;
