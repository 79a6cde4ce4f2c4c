/** Results as plain data, independent of their display. */

/** Format of a number: `share` in percent, `score` with three digits, `number` unchanged, `count` as an integer. */
export type Form = 'share' | 'score' | 'number' | 'count' | 'text';

/** Single numbers. */
export interface Figures {
  readonly kind: 'figures';
  readonly items: readonly {
    readonly title: string;
    /** Null if it is undefined. */
    readonly value: number | null;
    readonly form: Form;
    /** Its 95% interval. */
    readonly interval?: readonly [low: number, high: number];
  }[];
}

export interface Table {
  readonly kind: 'table';
  readonly title: string;
  /** One sentence about the table. */
  readonly note?: string;
  /** The first column has the row headers. */
  readonly columns: readonly { readonly title: string; readonly form: Form }[];
  readonly rows: readonly (readonly (string | number | null)[])[];
}

/** Predictions over true values. */
export interface Scatter {
  readonly kind: 'scatter';
  readonly title: string;
  readonly note: string;
  /** `x` is the true value, `y` the prediction. */
  readonly points: readonly { readonly x: number; readonly y: number }[];
}

/** Selected samples, in this order. */
export interface Images {
  readonly kind: 'images';
  readonly title: string;
  readonly note: string;
  readonly items: readonly {
    /** Index in the split. */
    readonly index: number;
    /** Index of the nearest sample, to show next to it. */
    readonly nearest?: number;
    readonly predicted: string;
    readonly truth: string;
  }[];
}

export type ReportBlock = Figures | Table | Scatter | Images;

/** A table with more rows has the weakest first, and terminals and model cards show only these. */
export const MOST_ROWS = 40;

/** Rows in their order, or the weakest first if there are many. @param scoreOf larger is better; null comes last */
export const weakestFirst = <T>(rows: readonly T[], scoreOf: (row: T) => number | null): readonly T[] =>
  rows.length <= MOST_ROWS
    ? rows
    : [...rows].sort(
        (a, b) => (scoreOf(a) ?? Number.POSITIVE_INFINITY) - (scoreOf(b) ?? Number.POSITIVE_INFINITY) || 0,
      );
