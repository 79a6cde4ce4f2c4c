import type { Metric } from '../../tasks/index.ts';
import type { TrainingConfig } from '../config.ts';

/** Layer groups that an adaptive plan chooses from. */
export interface Reach {
  readonly config: TrainingConfig;
  /** Number of layer groups, and how many of the last ones can train. */
  readonly groups: number;
  readonly most: number;
}

/** Facts about a training that an adaptive plan depends on, besides its progress. */
export interface PlanFacts extends Reach {
  readonly metric: Metric;
  readonly samples: { readonly train: number; readonly val: number };
  /** Number of classes; 0 if there are none. */
  readonly classes: number;
}
