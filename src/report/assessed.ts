import type { Assessment, Evaluation } from '../tasks/index.ts';

/** The scores with their assessment, such as intervals. Scores from before training have none. */
export const assessed = (scores: Evaluation | Assessment): Assessment | undefined =>
  'intervals' in scores ? (scores as Assessment) : undefined;
