/** Operations on pixel values, in plain arithmetic, equal on every platform. */
import type { Pixels } from '../pixels.ts';
import { COLOURS } from './colours.ts';
import { DETAIL } from './detail.ts';
import { JPEG } from './jpeg.ts';
import { TONES } from './tones.ts';

const OPERATIONS = { ...TONES, ...COLOURS, ...DETAIL, ...JPEG };

type Numbers<T> = T extends (pixels: Pixels, ...numbers: infer N extends number[]) => Pixels ? N : never;

/** An operation by name, with its parameters. Plain JSON. */
export type Operation = {
  [Name in keyof typeof OPERATIONS]: readonly [Name, ...Numbers<(typeof OPERATIONS)[Name]>];
}[keyof typeof OPERATIONS];

/** Applies the operations in order. Without operations, it returns the same pixels. */
export const operate = (pixels: Pixels, operations: readonly Operation[]): Pixels =>
  operations.reduce((before, [name, ...numbers]) => {
    const carryOut = OPERATIONS[name] as (pixels: Pixels, ...numbers: number[]) => Pixels;
    return carryOut(before, ...numbers);
  }, pixels);

export { CHANNEL_ORDERS } from './colours.ts';
