/** The page's state, as plain data. */

import type { TaskEvaluation, UnknownReport } from '../../tasks/index.ts';
import type { EpochRow, StageInfo, StopReason } from '../../training/index.ts';
import type { Opened } from '../../worker/index.ts';
import type { Score } from './score.ts';

export interface StudioImage {
  readonly id: string;
  readonly blob: Blob;
}

export interface StudioClass {
  readonly id: string;
  readonly name: string;
  readonly images: readonly StudioImage[];
}

/** What the training starts from: the photo model, the built-in model for drawings, or a model of the user's. */
export type ModelKind = 'photos' | 'drawings' | 'own';

/** A model file with the files next to it. */
export interface OwnModel {
  readonly name: string;
  /** Where it comes from, if it is not a file that the user chose. */
  readonly source?: string;
  readonly model: Blob;
  /** Parsed `preprocessor_config.json` and `config.json`. */
  readonly preprocessorConfig?: unknown;
  readonly config?: unknown;
}

export interface StudioSettings {
  readonly epochs: number;
  readonly variation: 'none' | 'gentle' | 'photos' | 'strong';
  readonly preset: 'gradual' | 'head-only' | 'full';
  readonly device: 'auto' | 'cpu' | 'webgpu';
}

/** Something went wrong: what, and what to do about it. */
export interface Problem {
  readonly message: string;
  readonly hint?: string;
}

/** What of the page a problem belongs to: it is shown there. `class:ID` is a class's card. */
export type Place =
  | 'images'
  | 'model'
  | 'photo-model'
  | 'train'
  | 'try'
  | 'doubts'
  | 'download'
  | 'projects'
  | `class:${string}`;

/** `resting`: it was under way when the page was closed, and can go on. */
export type Phase =
  | 'idle'
  | 'opening'
  | 'training'
  | 'paused'
  | 'stopping'
  | 'finishing'
  | 'done'
  | 'interrupted'
  | 'resting';

/** A training: its input and its progress. */
export interface Run {
  readonly phase: Phase;
  /** Names, in the order of the outputs. */
  readonly classes: readonly string[];
  /** The images in the order of the request, with their classes by name. */
  readonly images: readonly { readonly id: string; readonly label: string }[];
  readonly opened?: Opened;
  /** The stage under way, or the last one. */
  readonly stage?: StageInfo;
  readonly rows: readonly EpochRow[];
  /** Epochs that each layer group has trained, input side first. */
  readonly trained: readonly number[];
  /** Place in the epoch under way, from 0 to 1. */
  readonly within: number;
  /** Accuracy on the validation images before training. */
  readonly before?: number;
  /** Seconds of the steps of this stage so far, to estimate the rest. */
  readonly pace: { readonly steps: number; readonly seconds: number };
  readonly why?: StopReason;
  /** Images that were probably in the wrong class; undefined until the classes were checked. */
  readonly doubts?: readonly Doubt[];
}

/** An image that is probably in the wrong class. */
export interface Doubt {
  /** Its id. */
  readonly image: string;
  /** The class of the run, and the one that is more probable, by name. */
  readonly label: string;
  readonly likely: string;
  readonly probability: number;
}

/** A validation image that the finished model takes for another class. */
export interface StudioMistake {
  /** Its place among the images of the run. */
  readonly sample: number;
  readonly blob: Blob;
  readonly label: string;
  readonly predicted: string;
  readonly probability: number;
}

export interface Result {
  readonly classes: readonly string[];
  readonly evaluation: TaskEvaluation<'classification'>;
  readonly score: Score;
  /** How well it recognises images of none of the classes; null if there were too few images to learn that. */
  readonly unknown: UnknownReport | null;
  readonly mistakes: readonly StudioMistake[];
  /** The `model/` folder. */
  readonly files: readonly (readonly [path: string, contents: Uint8Array])[];
}
