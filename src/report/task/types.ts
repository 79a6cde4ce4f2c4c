import type { DataProblem } from '../../data/types.ts';
import type { Images, Metric, ReportBlock, TaskName } from '../../tasks/index.ts';
import type { CardRun, RunReport } from '../types.ts';

/** Selected images for display. */
export interface ShownImages extends Pick<Images, 'title' | 'note'> {
  readonly items: readonly {
    /** `data:` URLs of the image, and of the nearest one if shown. */
    readonly thumbnail: string;
    readonly nearest?: string;
    readonly file: string;
    readonly predicted: string;
    readonly truth: string;
  }[];
}

/** All data of the report and the model card for tasks except classification. */
export interface TaskReport extends RunReport {
  readonly task: TaskName;
  /** Name of one output and of several, and the names of all outputs. */
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
  /** The metric on the validation set before training and with the finished model; on the test set, if there is one. */
  readonly before: number | null;
  readonly after: number;
  readonly tested: number | null;
  /** Report blocks of the validation set and of the test set. */
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
