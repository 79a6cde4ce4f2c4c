import type { EpochRow } from '../training/events.ts';

/** First line of `results.csv`, with its line end. */
export const csvHeader = (): string =>
  'epoch,stage,trainable,lr,train_loss,train_accuracy,val_loss,val_accuracy,seconds\n';

/** One line of `results.csv`, with its line end. Numbers are written in full; what is not finite as `NaN` or `Infinity`. */
export const csvRow = ({ epoch, stage, trainable, lr, train, val, seconds }: EpochRow): string =>
  `${[epoch, stage, trainable, lr, train.loss, train.accuracy, val.loss, val.accuracy, seconds].join(',')}\n`;

/** One line of `metrics.jsonl`, with its line end. JSON has no word for what is not finite: it becomes `null`. */
export function jsonLine({ epoch, stage, trainable, lr, train, val, seconds }: EpochRow): string {
  const row: EpochRow = {
    epoch,
    stage,
    trainable,
    lr,
    train: { loss: train.loss, accuracy: train.accuracy },
    val: { loss: val.loss, accuracy: val.accuracy },
    seconds,
  };
  return `${JSON.stringify(row)}\n`;
}
