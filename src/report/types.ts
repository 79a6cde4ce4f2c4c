import type { DataProblem, Noun } from '../data/types.ts';
import type { TemperatureFit, UnknownReport } from '../tasks/index.ts';
import type { Assessment, EpochRow, Evaluation, StageInfo, StopReason } from '../training/events.ts';
import type { Curves } from './curves.ts';
import type { FederationReport } from './federation/types.ts';

/** A stage after it has run, with its cost and gain. */
export interface ReportStage extends StageInfo {
  readonly seconds: number;
  readonly why: StopReason;
  /** Best validation accuracy of the stage's epochs; null if none was finished. */
  readonly bestAccuracy: number | null;
  /** Learning-rate factors of layer groups that differ from 1. */
  readonly multipliers: readonly { readonly group: string; readonly multiplier: number }[];
}

/** A wrong prediction of the finished model on the validation set. */
export interface Mistake {
  /** A small image as a `data:image/…;base64,` URL (PNG, JPEG, WebP, GIF or AVIF), or the text. */
  readonly thumbnail?: string;
  readonly text?: string;
  readonly file: string;
  readonly label: string;
  readonly predicted: string;
  /** Probability of the wrong class. */
  readonly probability: number;
  /** Maps of the parts of the image that speak for a class, over the small image, as `data:` URLs. */
  readonly maps?: readonly { readonly label: string; readonly image: string }[];
}

/** How the maps of mistakes were made, or why there are none. */
export type MapsMade = { readonly method: string } | { readonly problem: string };

/** Another result for the same task, for a comparison. */
export interface ComparisonRow {
  readonly name: string;
  readonly accuracy: number;
  readonly seconds: number;
  /** A relative path or an `http(s)` address, for example of another report. */
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
  /** In bytes: total memory of the machine, and peak memory of the process. */
  readonly memory?: number;
  readonly peakMemory?: number;
  /** Estimated peak memory of the training. */
  readonly estimatedMemory?: number;
}

/** Facts that a browser does not report. */
type HostFacts = Pick<ReportEnvironment, 'node' | 'platform' | 'cpu'>;

/** Image sizes, formats, and duplicates in two splits. */
export interface DatasetSummary {
  readonly looked: number;
  readonly formats: readonly { readonly format: string; readonly count: number }[];
  readonly sizes: Readonly<Record<'smallest' | 'median' | 'largest', readonly [width: number, height: number]>>;
  readonly bytes: number;
  /** Null if there were too many images to compare. */
  readonly duplicates:
    | readonly {
        readonly kind: 'same' | 'near' | 'mirrored';
        /** A training image and one of another split, with their labels. */
        readonly file: string;
        readonly label: string;
        readonly other: string;
        readonly otherLabel: string;
        readonly split: string;
      }[]
    | null;
}

/** Seconds in the whole run. */
export interface Times {
  /** Time of training steps, and time spent waiting for images. */
  readonly computed: number;
  readonly waited: number;
}

/** Report data of all tasks. Plain data: any string can come from a hostile file name. */
export interface RunReport {
  readonly title: string;
  /** ISO 8601. */
  readonly created: string;
  readonly model: {
    readonly name: string;
    /** The path or address, as given by the user. */
    readonly source: string;
    readonly sha256: string;
    /** Number of parameter elements. */
    readonly parameters: number;
    /** Version of the standard operator set. */
    readonly opset: number;
    /** All layer groups, from the input to the head. */
    readonly groups: readonly string[];
    /** The model's own classes, if the new head kept their weights: kept, added and removed ones. */
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
  /** Decisions of the training about its plan: one line each, and the stage after which it was made, counted from 1. */
  readonly decisions?: readonly { readonly stage: number; readonly message: string }[];
  /** Rollbacks and findings, one line each. */
  readonly setbacks?: readonly { readonly epoch: number; readonly message: string }[];
  /** The epoch with the shipped weights. */
  readonly bestEpoch: number | null;
  /** Augmented training images as data URLs. */
  readonly samples: readonly string[];
  readonly environment: Omit<ReportEnvironment, keyof HostFacts> & Partial<HostFacts>;
  /** The resolved configuration as YAML. */
  readonly config: string;
  /** Of the whole run. */
  readonly seconds: number;
  readonly times?: Times;
  readonly seed?: number;
  readonly stopped: StopReason;
  /** For a federation: rows are rounds, and scores are means over the clients. */
  readonly federation?: FederationReport;
  readonly output: {
    /** Path of the model to ship. */
    readonly path: string;
    readonly commands: readonly { readonly does: string; readonly command: string }[];
  };
}

/** Facts about a run for a model card. */
export interface CardRun extends Pick<RunReport, 'title' | 'bestEpoch' | 'seconds' | 'federation'> {
  readonly model: Pick<RunReport['model'], 'name' | 'source' | 'sha256' | 'parameters' | 'opset'>;
  readonly plan: readonly Pick<ReportStage, 'stage' | 'train' | 'trainable' | 'lr' | 'seconds' | 'bestAccuracy'>[];
  readonly rows: readonly Pick<EpochRow, 'stage'>[];
  readonly environment: Pick<ReportEnvironment, 'thaw' | 'onnxruntime' | 'device'>;
}

/** All data of a classifier's model card. */
export interface ClassifierCard
  extends CardRun,
    Pick<ReportData, 'before' | 'after' | 'test' | 'calibration' | 'unknown'> {
  readonly data: Pick<ReportData['data'], 'path' | 'noun' | 'classes' | 'counts'>;
}

/** All data of a classifier's report and model card. */
export interface ReportData extends RunReport {
  readonly data: {
    readonly path: string;
    /** What a sample is. */
    readonly noun: Noun;
    readonly classes: readonly string[];
    /** Number of images per class, in the order of `classes`. `test` is empty without a test set. */
    readonly counts: {
      readonly train: readonly number[];
      readonly val: readonly number[];
      readonly test: readonly number[];
    };
    readonly problems: readonly DataProblem[];
    readonly summary?: DatasetSummary | null;
  };
  /** Validation set before training and with the finished model; test set, if there is one. */
  readonly before: Evaluation | null;
  readonly after: Assessment;
  readonly test?: Assessment | null;
  /** The saved temperature and its effect. */
  readonly calibration?: TemperatureFit | null;
  /** How well the model recognises samples of none of its classes. */
  readonly unknown?: UnknownReport | null;
  /** ROC and precision-recall curves of the validation set. */
  readonly curves?: Curves;
  /** Highest wrong confidence first. */
  readonly mistakes: readonly Mistake[];
  /** If maps of the mistakes were asked for. */
  readonly maps?: MapsMade;
  readonly comparison?: readonly ComparisonRow[];
}
