import { own } from '../own.ts';
/**
 * A dimension: a number, or a symbolic size as a canonical product such as `batch`, `49*batch` or `batch*sequence`. Two equal
 * strings are equal sizes, so dimensions are compared with `===`.
 */
export type Dimension = number | string;
export type Shape = readonly Dimension[];

/** A shape of the same rank in which only the kinds of dimensions are known: numbers where `S` has numbers. */
export type Sizes<S extends Shape> = { readonly [I in keyof S]: S[I] extends number ? number : Dimension };

export const isStatic = (shape: Shape): shape is readonly number[] => shape.every((d) => typeof d === 'number');

interface Monomial {
  factor: number;
  symbols: string[];
}

function parse(dimension: Dimension): Monomial {
  if (typeof dimension === 'number') return { factor: dimension, symbols: [] };
  const parts = dimension.split('*');
  const factor = Number(parts[0]);
  return Number.isNaN(factor) ? { factor: 1, symbols: parts } : { factor, symbols: parts.slice(1) };
}

function format({ factor, symbols }: Monomial): Dimension {
  if (symbols.length === 0 || factor === 0) return factor;
  return [...(factor === 1 ? [] : [factor]), ...[...symbols].sort()].join('*');
}

/** The product of dimensions; 1 for none. */
export function product(dimensions: readonly number[]): number;
export function product(dimensions: Shape): Dimension;
export function product(dimensions: Shape): Dimension {
  const parts = dimensions.map(parse);
  return format({
    factor: parts.reduce((all, { factor }) => all * factor, 1),
    symbols: parts.flatMap(({ symbols }) => symbols),
  });
}

/** `total / divisor`, or `undefined` if that is not an integer or a symbol. */
export function divide(total: Dimension, divisor: Dimension): Dimension | undefined {
  const a = parse(total);
  const b = parse(divisor);
  const symbols = [...a.symbols];
  for (const symbol of b.symbols) {
    const at = symbols.indexOf(symbol);
    if (at < 0) return undefined;
    symbols.splice(at, 1);
  }
  const factor = a.factor / b.factor;
  return Number.isInteger(factor) ? format({ factor, symbols }) : undefined;
}

/** The shape that two shapes broadcast to, by ONNX's (numpy's) rule. */
export function broadcast(a: Shape, b: Shape): Shape {
  const rank = Math.max(a.length, b.length);
  return Array.from({ length: rank }, (_, i) => {
    const x = a[a.length - rank + i] ?? 1;
    const y = b[b.length - rank + i] ?? 1;
    if (x === 1) return y;
    if (y === 1 || x === y) return x;
    throw new Error(`shapes [${a}] and [${b}] do not broadcast: ${x} against ${y}`);
  });
}

/** The value of a dimension for given sizes of its symbols; a missing symbol is an error. */
export function sizeOf(dimension: Dimension, sizes: Readonly<Record<string, number>>): number {
  const { factor, symbols } = parse(dimension);
  return symbols.reduce((all, symbol) => {
    if (!Object.hasOwn(sizes, symbol)) throw new Error(`the size of "${symbol}" in ${dimension} is not known`);
    return all * sizes[symbol];
  }, factor);
}

/** The symbols that a dimension is a product of. */
export const symbolsOf = (dimension: Dimension): readonly string[] => parse(dimension).symbols;

export const sameShape = (a: Shape, b: Shape): boolean => a.length === b.length && a.every((d, i) => d === b[i]);

/** Elements of a value. @param sizes of the symbols in its shape; missing ones count as 1 */
export function elementsIn(shape: Shape, sizes: Readonly<Record<string, number>> = {}): number {
  const sizesOf = (d: Dimension) => Object.fromEntries(symbolsOf(d).map((symbol) => [symbol, own(sizes, symbol) ?? 1]));
  return shape.reduce<number>((all, d) => all * sizeOf(d, sizesOf(d)), 1);
}
