/** Number formats of the report. Values that are not finite are marked. */
import type { Form, Metric } from '../tasks/index.ts';

const whole = new Intl.NumberFormat('en-GB', { maximumFractionDigits: 0 });

export const NOT_FINITE = 'not finite';

/** `96.7%` for a share from 0 to 1. */
export const percent = (share: number, digits = 1): string =>
  Number.isFinite(share) ? `${(100 * share).toFixed(digits)}%` : NOT_FINITE;

/** `+1.3`: a difference of shares in percentage points, with a true minus sign. */
export function points(difference: number): string {
  if (!Number.isFinite(difference)) return NOT_FINITE;
  const value = (100 * difference).toFixed(1);
  return Number(value) === 0 ? '±0.0' : difference > 0 ? `+${value}` : value.replace('-', '−');
}

/** `91.5% to 98.2%`. An interval that rounds to one number gets more digits, such as `99.98% to 100.00%`. */
export function interval(
  [low, high]: readonly [low: number, high: number],
  format: (value: number, digits?: number) => string,
): string {
  const texts = [undefined, 2, 3, 4, 5, 6].map((digits) => [low, high].map((end) => format(end, digits)));
  return (texts.find(([from, to]) => from !== to) ?? texts[0]).join(' to ');
}

/** `4,652,008` */
export const count = (value: number): string => (Number.isFinite(value) ? whole.format(value) : NOT_FINITE);

/** `4.65 M` */
export function compact(value: number): string {
  for (const [size, unit] of [
    [1e9, ' G'],
    [1e6, ' M'],
    [1e4, ' k'],
  ] as const) {
    if (value >= size) {
      const scaled = value / (unit === ' k' ? 1e3 : size);
      return scaled.toFixed(scaled >= 100 ? 0 : scaled >= 10 ? 1 : 2) + unit;
    }
  }
  return count(value);
}

/** `4.65 MB`, in powers of 1000. */
export const bytes = (value: number): string => (value < 1e4 ? `${count(value)} B` : `${compact(value)}B`);

/** Three significant digits: `0.0312`, `12.5`, `3e-5`. */
export function decimal(value: number): string {
  if (!Number.isFinite(value)) return NOT_FINITE;
  if (value === 0) return '0';
  const size = Math.abs(value);
  if (size < 1e-3 || size >= 1e5)
    return value
      .toExponential(2)
      .replace(/\.?0+e/, 'e')
      .replace('e+', 'e');
  return Number(value.toPrecision(3)).toString();
}

/** `840 ms`, `12.4 s`, `3 min 5 s`, `2 h 10 min`, with non-breaking spaces. */
export function duration(seconds: number): string {
  if (!Number.isFinite(seconds)) return NOT_FINITE;
  const rounded = Math.round(seconds);
  const text =
    seconds < 1
      ? `${Math.round(seconds * 1000)} ms`
      : seconds < 59.95
        ? `${seconds.toFixed(1)} s`
        : rounded < 3600
          ? `${Math.floor(rounded / 60)} min ${rounded % 60} s`
          : `${Math.floor(rounded / 3600)} h ${Math.floor((rounded % 3600) / 60)} min`;
  return text.replaceAll(' ', '\u00a0');
}

/** `0.947`: a score from 0 to 1 that is not a share. */
export const score = (value: number, digits = 3): string =>
  Number.isFinite(value) ? value.toFixed(digits) : NOT_FINITE;

/** `24 November 2026, 08:12 UTC` for an ISO 8601 time; other texts stay unchanged. */
export function date(iso: string): string {
  const time = new Date(iso);
  if (Number.isNaN(time.getTime())) return iso;
  const day = new Intl.DateTimeFormat('en-GB', { dateStyle: 'long', timeZone: 'UTC' }).format(time);
  return `${day}, ${time.toISOString().slice(11, 16)} UTC`;
}

/** `1 image`, `2 images` */
export const plural = (number: number, noun: string, many = `${noun}s`): string =>
  `${count(number)} ${number === 1 ? noun : many}`;

/** Formats of numbers. */
export const FORMATS = { share: percent, score, number: decimal, count, text: String } as const satisfies Readonly<
  Record<Form, (value: number, digits?: number) => string>
>;

/** A value of a report block, in the block's format. */
export const formatted = (value: string | number | null, form: Form): string =>
  value === null ? '–' : typeof value === 'string' ? value : FORMATS[form](value);

/** A value of a task's metric. */
export const measured = ({ form }: Pick<Metric, 'form'>, value: number): string =>
  form === 'share' ? percent(value) : decimal(value);

export const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);

/** A setting's value: numbers are shortened, names unquoted, the rest is JSON. */
export const shown = (value: unknown): string =>
  typeof value === 'number' ? decimal(value) : typeof value === 'string' ? value : JSON.stringify(value);
