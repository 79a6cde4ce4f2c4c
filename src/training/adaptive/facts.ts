import type { Metric } from '../../tasks/index.ts';
import type { StageConfig, TrainingConfig } from '../config.ts';

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
  /** Number of validation samples. */
  readonly validation: number;
  /** The stages that were planned before the training. */
  readonly first: readonly StageConfig[];
}
