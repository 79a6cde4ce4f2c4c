/** Signs that something is wrong with a training whose losses are numbers. Each is reported once, and the training continues. */
import { bestMerit, type Evaluated, merit, type Task, type TaskOutcome } from '../tasks/index.ts';
import type { EpochRow } from './events.ts';

export const FINDINGS = ['dead-head', 'constant', 'labels'] as const;

/** Plain data. */
export interface Finding {
  readonly finding: (typeof FINDINGS)[number];
  /** The epoch after which it was found, counted from 1. */
  readonly epoch: number;
  /** One line: the finding, and its likely causes. */
  readonly message: string;
}

/** With fewer samples, nothing can be concluded. */
const FEWEST = 4;
/** The largest difference of equal outputs. */
const NEAR = 1e-6;
/** Both mean that all answers are the same, so only one is reported. A softmax that is very sure gives equal numbers, too. */
const ONE_ANSWER: readonly Finding['finding'][] = ['dead-head', 'constant'];
/** In the first epoch, a model often gives one answer for everything. */
const SETTLED = 2;

/**
 * The new findings of a validation.
 *
 * @param outcomes of all its samples
 * @param known earlier findings, which are not repeated
 */
export function findingsOf<O extends TaskOutcome, E extends Evaluated>(
  task: Task<O, E>,
  outcomes: readonly O[],
  evaluation: E,
  row: EpochRow,
  known: readonly Finding[],
): Finding[] {
  const { epoch } = row;
  const found: Finding[] = [];
  const add = (finding: Finding['finding'], message: string | undefined) => {
    const family = ONE_ANSWER.includes(finding) ? ONE_ANSWER : [finding];
    if (message && !known.some((other) => family.includes(other.finding))) found.push({ finding, epoch, message });
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
    merit(task.metric, row.val) < bestMerit(task.metric) &&
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
