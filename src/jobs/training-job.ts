import type { BatchSource, Dataset, PictureCache } from '../data/index.ts';
import type { Prepared, TrainSettings } from '../recipe/index.ts';
import type { FederationReport } from '../report/index.ts';
import type { RunWriter } from '../run/index.ts';
import type { Runtime } from '../runtime/index.ts';
import type { Task } from '../tasks/index.ts';
import type { Checkpoint, FeatureCache, TrainingConfig } from '../training/index.ts';
import type { About } from './about.ts';
import type { RunRecord } from './record.ts';

/** Everything that a training needs, at its start as when it goes on. */
export interface TrainingJob extends Prepared {
  readonly run: RunWriter;
  readonly about: About;
  readonly settings: TrainSettings;
  readonly dataset: Dataset;
  readonly task: Task;
  readonly runtime: Runtime;
  readonly record: RunRecord;
  readonly resume?: Checkpoint;
}

/** A training that ended, or was asked to. */
export interface FinishedTraining extends TrainingJob {
  readonly config: TrainingConfig;
  readonly val: BatchSource;
  /** Where there is a test set. */
  readonly test?: BatchSource;
  /** Where the sources keep what they decoded; undefined where they read texts. */
  readonly pictures?: PictureCache;
  readonly features: FeatureCache;
  /** Where many machines trained it. */
  readonly federation?: FederationReport;
}
