import type { Assessment, Evaluation } from '../tasks/index.ts';

/** What is measured once only, where these scores have it: what is measured before training has not. */
export const assessed = (scores: Evaluation | Assessment): Assessment | undefined =>
  'intervals' in scores ? (scores as Assessment) : undefined;
