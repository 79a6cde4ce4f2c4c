import { wilson } from '../../tasks/metrics/index.ts';

/** Images of the validation set that the finished model gets right, and all; the 95% interval of the share that is right. */
export interface Score {
  readonly right: number;
  readonly all: number;
  readonly low: number;
  readonly high: number;
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);

/** @param confusion `confusion[truth][predicted]` counts images */
export function scoreOf(confusion: readonly (readonly number[])[]): Score {
  const all = sum(confusion.map(sum));
  const right = sum(confusion.map((row, i) => row[i]));
  const [low, high] = wilson(all ? right / all : 0, all);
  return { right, all, low, high };
}
