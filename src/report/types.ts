import type { DataProblem } from '../data/types.ts';
import type { TemperatureFit } from '../tasks/index.ts';
import type { Assessment, EpochRow, Evaluation, StageInfo, StopReason } from '../training/events.ts';

/** A stage after it has run: the plan's words, and what they cost and gained. */
export interface ReportStage extends StageInfo {
  readonly seconds: number;
  readonly why: StopReason;
  /** Best validation accuracy of the stage's epochs; null if none was finished. */
  readonly bestAccuracy: number | null;
  /** Factors on the stage's learning rate, for the layer groups that differ from 1. */
  readonly multipliers: readonly { readonly group: string; readonly multiplier: number }[];
}

/** A validation picture the finished model gets wrong. */
export interface Mistake {
  /** A small picture as a `data:image/…;base64,` URL (PNG, JPEG, WebP, GIF or AVIF). */
  readonly thumbnail: string;
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
}

/** All that the report and the model card say. Plain data: every string in it may come from a hostile file name. */
export interface ReportData {
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
  readonly data: {
    readonly path: string;
    readonly classes: readonly string[];
    /** Pictures of each class, in the order of `classes`; `test` is empty where there is none. */
    readonly counts: {
      readonly train: readonly number[];
      readonly val: readonly number[];
      readonly test: readonly number[];
    };
    readonly problems: readonly DataProblem[];
  };
  readonly plan: readonly ReportStage[];
  readonly rows: readonly EpochRow[];
  /** The epoch whose weights were kept. */
  readonly bestEpoch: number | null;
  /** Validation set before training and of the finished model; `test` where there is a test set. */
  readonly before: Evaluation | null;
  readonly after: Assessment;
  readonly test?: Assessment | null;
  /** The temperature that is kept beside the model, and what it does. */
  readonly calibration?: TemperatureFit | null;
  /** Highest wrong confidence first. */
  readonly mistakes: readonly Mistake[];
  /** Augmented training pictures as data URLs. */
  readonly samples: readonly string[];
  readonly comparison?: readonly ComparisonRow[];
  readonly environment: ReportEnvironment;
  /** The resolved configuration as YAML. */
  readonly config: string;
  /** Of the whole run. */
  readonly seconds: number;
  readonly stopped: StopReason;
  readonly output: {
    /** Where the model to ship is. */
    readonly path: string;
    readonly commands: readonly { readonly does: string; readonly command: string }[];
  };
}
