import type { EpochRow } from '../training/events.ts';

/** Score columns: training first, then validation. */
const columns = ({ train, val }: EpochRow): (readonly [name: string, value: number])[] => [
  ...Object.entries(train).map(([name, value]) => [`train_${name}`, value] as const),
  ...Object.entries(val).map(([name, value]) => [`val_${name}`, value] as const),
];

/** The header line of `results.csv`. @param row any row: the metrics depend on the task */
export const csvHeader = (row: EpochRow): string =>
  `${['epoch', 'stage', 'trainable', 'lr', ...columns(row).map(([name]) => name), 'seconds'].join(',')}\n`;

/** A line of `results.csv`. Numbers have full precision; others are `NaN` or `Infinity`. */
export const csvRow = (row: EpochRow): string =>
  `${[row.epoch, row.stage, row.trainable, row.lr, ...columns(row).map(([, value]) => value), row.seconds].join(',')}\n`;

/** A line of `metrics.jsonl`. JSON cannot store numbers that are not finite; they become `null`. */
export function jsonLine({ epoch, stage, trainable, lr, train, val, seconds }: EpochRow): string {
  const row: EpochRow = { epoch, stage, trainable, lr, train, val, seconds };
  return `${JSON.stringify(row)}\n`;
}
