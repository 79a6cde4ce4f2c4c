import { type Dimension, product } from '../../onnx/index.ts';

/** Sizes of the symbolic dimensions in one run. */
export type Sizes = Readonly<Record<string, number>>;

const SIZES: readonly (readonly [number, number])[] = [
  [5, 7],
  [11, 13],
  [17, 19],
];

/** The runs that distinguish symbols: a base, then for each symbol the base with another size of it. */
export function planRuns(symbols: readonly string[], batch: readonly [number, number]): Sizes[] {
  const base = baseOf(symbols, batch);
  const other = (symbol: string, i: number) => pairOf(symbol, i, batch)[1];
  return [base, ...symbols.map((symbol, i) => ({ ...base, [symbol]: other(symbol, i) }))];
}

/** A run with even sizes, to confirm the formulas from the other runs. Not needed if only the batch varies. */
export function planCheck(symbols: readonly string[], batch: readonly [number, number]): Sizes | undefined {
  if (symbols.every((symbol) => symbol === 'batch')) return undefined;
  const sizes = Object.entries(baseOf(symbols, batch));
  return Object.fromEntries(sizes.map(([symbol, size]) => [symbol, symbol === 'batch' ? size : size + 5]));
}

const pairOf = (symbol: string, i: number, batch: readonly [number, number]) =>
  symbol === 'batch' ? batch : SIZES[i % SIZES.length];

const baseOf = (symbols: readonly string[], batch: readonly [number, number]): Sizes =>
  Object.fromEntries(symbols.map((symbol, i) => [symbol, pairOf(symbol, i, batch)[0]]));

/** A factor of a product: its text, and its size in a run. */
interface Factor {
  readonly text: string;
  readonly sizeIn: (sizes: Sizes) => number;
}

/**
 * The dimension with the given size in each run of `planRuns`, and of `planCheck` if there was one: a number, a product such as `49*batch`,
 * or a product with an affine part such as `batch*sequence+1`, which is `batch` times the atom `sequence+1`.
 *
 * @param seen the dimension's size in each run
 * @returns undefined if it is none of these
 */
export function dimensionFrom(seen: readonly number[], runs: readonly Sizes[]): Dimension | undefined {
  const [base] = seen;
  const factors: Factor[] = [];
  let rest = base;
  const affine: (Factor & { value: number; common: number })[] = [];
  for (const [i, symbol] of Object.keys(runs[0]).entries()) {
    const size = seen[i + 1];
    if (size === base) continue;
    const [from, to] = [runs[0][symbol], runs[i + 1][symbol]];
    const power = [1, 2].find((k) => size * from ** k === base * to ** k);
    if (power) {
      factors.push(...Array<Factor>(power).fill({ text: symbol, sizeIn: (sizes) => sizes[symbol] }));
      rest /= from ** power;
      continue;
    }
    // size = scale · (slope · symbol + offset); scale is the product of the other symbols' factors
    const slope = (size - base) / (to - from);
    const offset = base - slope * from;
    if (!Number.isInteger(slope) || !Number.isInteger(offset)) return undefined;
    const common = gcd(Math.abs(slope), Math.abs(offset));
    const sizeIn = (sizes: Sizes) => (slope * sizes[symbol] + offset) / common;
    affine.push({ text: atom(symbol, slope / common, offset / common), sizeIn, value: base, common });
  }
  for (const { value, common, ...factor } of affine) {
    factors.push(factor);
    rest /= value / common;
  }
  const sizeIn = (sizes: Sizes) => factors.reduce((all, factor) => all * factor.sizeIn(sizes), rest);
  const confirmed = runs.every((sizes, i) => Math.abs(sizeIn(sizes) - seen[i]) < 1e-6);
  return Number.isInteger(rest) && confirmed ? product([rest, ...factors.map(({ text }) => text)]) : undefined;
}

const gcd = (a: number, b: number): number => (b === 0 ? a : gcd(b, a % b));

/** A name without `*`, which would turn it into a product. */
const atom = (symbol: string, slope: number, offset: number): string =>
  `${slope === 1 ? '' : slope}${symbol}${offset < 0 ? '' : '+'}${offset}`;
