import type { Dataset } from '../data/index.ts';
import type { Model } from '../onnx/index.ts';
import type { Checkpoint, EpochRow } from '../training/index.ts';

/** What a run must not change between its start and its end. */
export interface RunIdentity {
  /** SHA-256 of the source model's file, in hexadecimal. */
  readonly model: string;
  readonly classes: readonly string[];
  /** Of the lists of samples, see `identifySamples`. */
  readonly samples: SampleIdentity;
}
export interface SampleIdentity {
  /** SHA-256 over every sample's split, relative path, label and size. */
  readonly sha256: string;
  readonly train: number;
  readonly val: number;
  readonly test: number;
}
export declare function identifySamples(dataset: Dataset, root: string): Promise<SampleIdentity>;

export type CheckpointKind = 'last' | 'best';
export interface LoadedCheckpoint extends Checkpoint {
  readonly identity: RunIdentity;
  /** One line for the user where the newest was damaged and the one before it is returned. */
  readonly notice?: string;
}

/** What a run trains: its model with the new head in place, as it was before the first step. */
export interface RunSource {
  readonly model: Model;
  readonly identity: RunIdentity;
  /** Whatever else the caller needs to go on (preprocessing, the head, the model's name …), as JSON. */
  readonly about: Record<string, unknown>;
}

/** A run directory that is only read; needs no lock. */
export declare class RunReader {
  readonly path: string;
  readonly name: string;
  /** `config.yaml`, parsed. */
  config(): Promise<Record<string, unknown>>;
  source(): Promise<RunSource>;
  /** @throws ThawError `run-directory` where there is none or all are damaged */
  checkpoint(kind: CheckpointKind): Promise<LoadedCheckpoint>;
  hasCheckpoint(kind: CheckpointKind): boolean;
  rows(): Promise<readonly EpochRow[]>;
}
/** A run directory that this process writes; it holds the lock until `release`. */
export declare class RunWriter extends RunReader {
  writeConfig(config: Record<string, unknown>): Promise<void>;
  saveSource(source: RunSource): Promise<void>;
  saveCheckpoint(kind: CheckpointKind, checkpoint: Checkpoint): Promise<void>;
  /** results.csv, metrics.jsonl, TensorBoard. */
  appendRow(row: EpochRow): Promise<void>;
  /** Makes the metrics files hold exactly these rows: call on resume with `checkpoint.progress.rows`. */
  rewindRows(rows: readonly EpochRow[]): Promise<void>;
  /** `artifacts/stage-N/` */
  writeArtifacts(stage: number, files: ReadonlyMap<string, Uint8Array | string>): Promise<void>;
  /** `model/`, replaced as a whole. */
  writeModelFolder(files: ReadonlyMap<string, Uint8Array | string>): Promise<void>;
  /** Any other file of the run (`report.html`, …), written atomically. */
  writeFile(file: string, contents: Uint8Array | string): Promise<void>;
  /** Gives the lock back; an empty directory is removed. */
  release(): Promise<void>;
}
/** `out`, or the first free `runs/<data>-<n>`. @throws ThawError `run-directory` where it holds something or another process has it */
export declare function createRun(options: { readonly out?: string; readonly data: string }): Promise<RunWriter>;
export declare function openRun(path: string): Promise<RunReader>;
/** Takes the lock and removes what a killed process left. */
export declare function resumeRun(path: string): Promise<RunWriter>;
/** @throws ThawError `run-directory` naming what has changed */
export declare function checkIdentity(run: RunIdentity, now: RunIdentity): void;
