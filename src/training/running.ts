import type { Scores, Tally, Task, TaskOutcome } from '../tasks/index.ts';

/** Sums over batches of different sizes, for the mean loss and the metrics. Plain data, so that a checkpoint can hold it mid-epoch. */
export interface RunningScores {
  readonly lossSum: number;
  readonly count: number;
  readonly sums: Tally;
}

export const NO_SCORES: RunningScores = { lossSum: 0, count: 0, sums: {} };

export function addBatch<O extends TaskOutcome>(
  { lossSum, count, sums }: RunningScores,
  task: Pick<Task<O>, 'tally'>,
  loss: number,
  outcomes: readonly O[],
): RunningScores {
  const more: Record<string, number> = { ...sums };
  for (const outcome of outcomes) {
    for (const [key, value] of Object.entries(task.tally(outcome))) more[key] = (more[key] ?? 0) + value;
  }
  return { lossSum: lossSum + loss * outcomes.length, count: count + outcomes.length, sums: more };
}

export const meanScores = ({ lossSum, count, sums }: RunningScores, task: Pick<Task, 'rates'>): Scores => ({
  loss: lossSum / count,
  ...task.rates(sums, count),
});
