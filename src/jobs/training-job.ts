import type { BatchSource, Dataset, PictureCache } from '../data/index.ts';
import type { Prepared, TrainSettings } from '../recipe/index.ts';
import type { ComparisonRow, FederationReport } from '../report/index.ts';
import type { RunWriter } from '../run/index.ts';
import type { Runtime } from '../runtime/index.ts';
import type { Task, TaskFacts } from '../tasks/index.ts';
import type { Checkpoint, FeatureCache, TrainingConfig } from '../training/index.ts';
import type { InputFormat } from './inputs.ts';
import type { RunRecord } from './record.ts';

/** What a run keeps of its beginnings, in the `about` of its source. */
export interface About {
  /** As the user wrote them. */
  readonly model: string;
  readonly data: string;
  /** Absolute. */
  readonly dataPath: string;
  /** The model's short name, and SHA-256 of its file. */
  readonly name: string;
  readonly sha256: string;
  readonly preprocessing: InputFormat;
  readonly task: TaskFacts;
  /** The model's `config.json`. */
  readonly sourceConfig?: unknown;
  readonly comparison?: readonly ComparisonRow[];
}

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
