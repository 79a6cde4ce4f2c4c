/** Results as plain data, to be shown in any place: how they look is up to whoever shows them. */

/** How a number is told: `share` in per cent, `score` with three digits, `number` as it is, `count` a whole one. */
export type Form = 'share' | 'score' | 'number' | 'count' | 'text';

/** Single numbers. */
export interface Figures {
  readonly kind: 'figures';
  readonly items: readonly {
    readonly title: string;
    /** Null where it cannot be had. */
    readonly value: number | null;
    readonly form: Form;
    /** Its 95% interval. */
    readonly interval?: readonly [low: number, high: number];
  }[];
}

export interface Table {
  readonly kind: 'table';
  readonly title: string;
  /** One sentence on what it shows. */
  readonly note?: string;
  /** The first column heads its rows. */
  readonly columns: readonly { readonly title: string; readonly form: Form }[];
  readonly rows: readonly (readonly (string | number | null)[])[];
}

/** What was said of a number against what it is. */
export interface Scatter {
  readonly kind: 'scatter';
  readonly title: string;
  readonly note: string;
  /** `x` is what it is. */
  readonly points: readonly { readonly x: number; readonly y: number }[];
}

/** Samples worth a look, in this order. */
export interface Images {
  readonly kind: 'images';
  readonly title: string;
  readonly note: string;
  readonly items: readonly {
    /** Position in the split. */
    readonly index: number;
    /** Of another one that belongs beside it. */
    readonly beside?: number;
    readonly said: string;
    readonly truth: string;
  }[];
}

export type ReportBlock = Figures | Table | Scatter | Images;
