/** What looks wrong about a training although its losses are numbers: told once each, it stops nothing. */
import { type Evaluated, merit, type Task, type TaskOutcome } from '../tasks/index.ts';
import type { EpochRow } from './events.ts';

export const FINDINGS = ['dead-head', 'constant', 'labels'] as const;

/** Plain data. */
export interface Finding {
  readonly finding: (typeof FINDINGS)[number];
  /** After which it was seen, counted from 1. */
  readonly epoch: number;
  /** In one line: what, and what to look at. */
  readonly message: string;
}

/** Fewer samples say nothing. */
const FEWEST = 4;
/** Outputs that are this near are the same. */
const NEAR = 1e-6;
/** Both say that all answers are one: told once. A softmax that is very sure gives the same numbers, too. */
const ONE_ANSWER: readonly Finding['finding'][] = ['dead-head', 'constant'];
/** A training that is just beginning may well say one thing of everything. */
const SETTLED = 2;

/**
 * What a validation shows.
 *
 * @param outcomes of all its samples
 * @param told what was found before: nothing is told twice
 */
export function findingsOf<O extends TaskOutcome, E extends Evaluated>(
  task: Task<O, E>,
  outcomes: readonly O[],
  evaluation: E,
  row: EpochRow,
  told: readonly Finding[],
): Finding[] {
  const { epoch } = row;
  const found: Finding[] = [];
  const add = (finding: Finding['finding'], message: string | undefined) => {
    const family = ONE_ANSWER.includes(finding) ? ONE_ANSWER : [finding];
    if (message && !told.some((other) => family.includes(other.finding))) found.push({ finding, epoch, message });
  };
  const [first] = outcomes;
  if (outcomes.length >= FEWEST && outcomes.every((other) => task.difference(first, other) < NEAR)) {
    add(
      'dead-head',
      `the model gives the very same numbers for all ${outcomes.length} validation samples: what its head reads is dead (a smaller --lr, another --head, the right --preprocessing?)`,
    );
  } else if (
    epoch >= SETTLED &&
    outcomes.length >= FEWEST &&
    merit(task.metric, row.val) < perfect(task) &&
    outcomes.every((other) => task.same(first, other))
  ) {
    add(
      'constant',
      `the model says ${task.words(first)[0]} of all ${outcomes.length} validation samples (classes of very different sizes, a rate too large or too small, or labels that don't belong to the samples?)`,
    );
  }
  add('labels', task.mismatch?.(evaluation, row.train));
  return found;
}

/** The best that a metric can be; infinite where nothing bounds it. */
const perfect = ({ metric }: Pick<Task, 'metric'>): number => {
  if (metric.better === 'lower') return 0;
  return metric.form === 'share' ? 1 : Number.POSITIVE_INFINITY;
};
