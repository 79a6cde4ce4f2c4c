/** Operations on pixel values, in plain arithmetic, equal on every platform. */
import { type Pixels, UNCHANGED } from '../pixels.ts';
import { COLOURS } from './colours.ts';
import { DETAIL } from './detail.ts';
import { JPEG } from './jpeg.ts';
import { mapped, shown, type Toned } from './toned.ts';
import { TONES } from './tones.ts';

const OPERATIONS = { ...TONES, ...COLOURS, ...DETAIL, ...JPEG };

type Numbers<T> = T extends (image: never, ...numbers: infer N extends number[]) => unknown ? N : never;

/** An operation by name, with its parameters. Plain JSON. */
export type Operation = {
  [Name in keyof typeof OPERATIONS]: readonly [Name, ...Numbers<(typeof OPERATIONS)[Name]>];
}[keyof typeof OPERATIONS];

/** Applies the operations in order. Without operations, it returns the same pixels. */
export const operate = (pixels: Pixels, operations: readonly Operation[]): Pixels => shown(toned(pixels, operations));

/** The same, but operations on single values at the end are left to the reader, as tables. */
export const toned = (pixels: Pixels, operations: readonly Operation[]): Toned =>
  operations.reduce<Toned>(applied, { pixels, tables: UNCHANGED });

function applied(image: Toned, [name, ...numbers]: Operation): Toned {
  const of = <T, R>(table: Readonly<Record<string, unknown>>) => table[name] as (from: T, ...numbers: number[]) => R;
  if (name in TONES) return mapped(image, of<Toned, Toned['tables']>(TONES)(image, ...numbers));
  const pixels =
    name in COLOURS
      ? of<Toned, Pixels>(COLOURS)(image, ...numbers)
      : of<Pixels, Pixels>(OPERATIONS)(shown(image), ...numbers);
  return { pixels, tables: UNCHANGED };
}

export { CHANNEL_ORDERS } from './colours.ts';
