import type { EpochRow } from '../training/events.ts';

/** Columns of the scores: those of training, then those of validation. */
const columns = ({ train, val }: EpochRow): (readonly [name: string, value: number])[] => [
  ...Object.entries(train).map(([name, value]) => [`train_${name}`, value] as const),
  ...Object.entries(val).map(([name, value]) => [`val_${name}`, value] as const),
];

/** First line of `results.csv`, with its line end. @param row any of its rows: the metrics are its task's */
export const csvHeader = (row: EpochRow): string =>
  `${['epoch', 'stage', 'trainable', 'lr', ...columns(row).map(([name]) => name), 'seconds'].join(',')}\n`;

/** One line of `results.csv`, with its line end. Numbers are written in full; what is not finite as `NaN` or `Infinity`. */
export const csvRow = (row: EpochRow): string =>
  `${[row.epoch, row.stage, row.trainable, row.lr, ...columns(row).map(([, value]) => value), row.seconds].join(',')}\n`;

/** One line of `metrics.jsonl`, with its line end. JSON has no word for what is not finite: it becomes `null`. */
export function jsonLine({ epoch, stage, trainable, lr, train, val, seconds }: EpochRow): string {
  const row: EpochRow = { epoch, stage, trainable, lr, train, val, seconds };
  return `${JSON.stringify(row)}\n`;
}
