import type { DataProblem } from '../../data/types.ts';
import type { Images, Metric, ReportBlock, TaskName } from '../../tasks/index.ts';
import type { CardRun, RunReport } from '../types.ts';

/** Images worth a look, as they are shown. */
export interface ShownImages extends Pick<Images, 'title' | 'note'> {
  readonly items: readonly {
    /** `data:` URLs, of the image and of the one beside it. */
    readonly thumbnail: string;
    readonly beside?: string;
    readonly file: string;
    readonly said: string;
    readonly truth: string;
  }[];
}

/** All that the report and the model card of any other task than classification say. */
export interface TaskReport extends RunReport {
  readonly task: TaskName;
  /** What its outputs are, one and several of them, and their names. */
  readonly noun: readonly [one: string, many: string];
  readonly names: readonly string[];
  readonly metric: Metric;
  readonly data: {
    readonly path: string;
    readonly train: number;
    readonly val: number;
    readonly test: number;
    readonly problems: readonly DataProblem[];
  };
  /** The metric on the validation set before training, and of the finished model; on the test set where there is one. */
  readonly before: number | null;
  readonly after: number;
  readonly tested: number | null;
  /** What there is to show of the validation set, and of the test set. */
  readonly reportBlocks: readonly Exclude<ReportBlock, Images>[];
  readonly testExhibits: readonly Exclude<ReportBlock, Images>[];
  readonly images: readonly ShownImages[];
}

/** All that the model card of any other task than classification says. */
export interface TaskCard
  extends CardRun,
    Pick<TaskReport, 'task' | 'noun' | 'names' | 'metric' | 'after' | 'tested' | 'reportBlocks' | 'testExhibits'> {
  readonly data: Pick<TaskReport['data'], 'path' | 'train' | 'val'>;
}
