import type { DataProblem, Noun } from '../data/types.ts';
import type { TemperatureFit } from '../tasks/index.ts';
import type { Assessment, EpochRow, Evaluation, StageInfo, StopReason } from '../training/events.ts';
import type { Curves } from './curves.ts';
import type { FederationReport } from './federation/types.ts';

/** A stage after it has run: the plan's words, and what they cost and gained. */
export interface ReportStage extends StageInfo {
  readonly seconds: number;
  readonly why: StopReason;
  /** Best validation accuracy of the stage's epochs; null if none was finished. */
  readonly bestAccuracy: number | null;
  /** Factors on the stage's learning rate, for the layer groups that differ from 1. */
  readonly multipliers: readonly { readonly group: string; readonly multiplier: number }[];
}

/** A validation image or text that the finished model gets wrong. */
export interface Mistake {
  /** A small image as a `data:image/…;base64,` URL (PNG, JPEG, WebP, GIF or AVIF), or the text. */
  readonly thumbnail?: string;
  readonly text?: string;
  readonly file: string;
  readonly label: string;
  readonly predicted: string;
  /** Probability of the wrong class. */
  readonly probability: number;
}

/** Another way to train the same thing, for the demo's table. */
export interface ComparisonRow {
  readonly name: string;
  readonly accuracy: number;
  readonly seconds: number;
  /** A relative path or an `http(s)` address, such as that run's own report. */
  readonly link?: string;
}

export interface ReportEnvironment {
  readonly thaw: string;
  readonly onnxruntime: string;
  readonly node: string;
  readonly platform: string;
  readonly cpu: string;
  readonly device: string;
  readonly threads: number | null;
  /** Bytes: of the machine, and the most that the process held. */
  readonly memory?: number;
  readonly peakMemory?: number;
  /** The most that the training was estimated to hold. */
  readonly estimatedMemory?: number;
}

/** What the images are: sizes, formats, and those that are in two splits. */
export interface DatasetSummary {
  readonly looked: number;
  readonly formats: readonly { readonly format: string; readonly count: number }[];
  readonly sizes: Readonly<Record<'smallest' | 'median' | 'largest', readonly [width: number, height: number]>>;
  readonly bytes: number;
  /** Null where there were too many images to compare. */
  readonly duplicates:
    | readonly {
        readonly kind: 'same' | 'near' | 'mirrored';
        /** Of training, and of another split, with their labels. */
        readonly file: string;
        readonly label: string;
        readonly other: string;
        readonly otherLabel: string;
        readonly split: string;
      }[]
    | null;
}

/** Seconds of the whole run. */
export interface Times {
  /** Training steps computed, and waited for their images. */
  readonly computed: number;
  readonly waited: number;
}

/** What reports of all tasks say. Plain data: every string in it may come from a hostile file name. */
export interface RunReport {
  readonly title: string;
  /** ISO 8601. */
  readonly created: string;
  readonly model: {
    readonly name: string;
    /** The path or address as the user wrote it. */
    readonly source: string;
    readonly sha256: string;
    /** Parameter elements. */
    readonly parameters: number;
    /** Version of the standard operator set. */
    readonly opset: number;
    /** All layer groups, input side first. */
    readonly groups: readonly string[];
    /** Its own classes, where the new head kept their weights: who stayed, came and went. */
    readonly continued?: {
      readonly kept: readonly string[];
      readonly added: readonly string[];
      readonly removed: readonly string[];
    };
  };
  readonly plan: readonly ReportStage[];
  readonly rows: readonly EpochRow[];
  /** Float tensors that no stage trains, and why. */
  readonly omitted?: readonly { readonly name: string; readonly count: number; readonly reason: string }[];
  /** Where the training went back, and what looked wrong, in one line each. */
  readonly setbacks?: readonly { readonly epoch: number; readonly message: string }[];
  /** The epoch whose weights were kept. */
  readonly bestEpoch: number | null;
  /** Augmented training images as data URLs. */
  readonly samples: readonly string[];
  readonly environment: ReportEnvironment;
  /** The resolved configuration as YAML. */
  readonly config: string;
  /** Of the whole run. */
  readonly seconds: number;
  readonly times?: Times;
  readonly seed?: number;
  readonly stopped: StopReason;
  /** Where many machines trained it: rows are then rounds, their scores means over the clients. */
  readonly federation?: FederationReport;
  readonly output: {
    /** Where the model to ship is. */
    readonly path: string;
    readonly commands: readonly { readonly does: string; readonly command: string }[];
  };
}

/** What a model card says of the run that made the model. */
export interface CardRun extends Pick<RunReport, 'title' | 'bestEpoch' | 'seconds' | 'federation'> {
  readonly model: Pick<RunReport['model'], 'name' | 'source' | 'sha256' | 'parameters' | 'opset'>;
  readonly plan: readonly Pick<ReportStage, 'stage' | 'train' | 'trainable' | 'lr' | 'seconds' | 'bestAccuracy'>[];
  readonly rows: readonly Pick<EpochRow, 'stage'>[];
  readonly environment: Pick<ReportEnvironment, 'thaw' | 'onnxruntime' | 'device'>;
}

/** All that the model card of a classifier says. */
export interface ClassifierCard extends CardRun, Pick<ReportData, 'before' | 'after' | 'test' | 'calibration'> {
  readonly data: Pick<ReportData['data'], 'path' | 'noun' | 'classes' | 'counts'>;
}

/** All that the report and the model card of a classifier say. */
export interface ReportData extends RunReport {
  readonly data: {
    readonly path: string;
    /** What samples are. */
    readonly noun: Noun;
    readonly classes: readonly string[];
    /** Images of each class, in the order of `classes`; `test` is empty where there is none. */
    readonly counts: {
      readonly train: readonly number[];
      readonly val: readonly number[];
      readonly test: readonly number[];
    };
    readonly problems: readonly DataProblem[];
    readonly summary?: DatasetSummary | null;
  };
  /** Validation set before training and of the finished model; `test` where there is a test set. */
  readonly before: Evaluation | null;
  readonly after: Assessment;
  readonly test?: Assessment | null;
  /** The temperature that is kept beside the model, and what it does. */
  readonly calibration?: TemperatureFit | null;
  /** ROC and precision-recall curves of the validation set. */
  readonly curves?: Curves;
  /** Highest wrong confidence first. */
  readonly mistakes: readonly Mistake[];
  readonly comparison?: readonly ComparisonRow[];
}
