/**
 * What the driver and a contender say to each other: one JSON object a line. A request is `{ name: argument }`, and each has one
 * answer. `memory` every contender answers by itself.
 */

/** Training steps of one network, on batches that are in memory. */
export interface StepsRequest {
  /** As scripts/bench/python/networks.py names it. */
  readonly model: string;
  /** ONNX files with batch norm folded into convolutions, and kept; PyTorch's state. */
  readonly files: { readonly folded: string; readonly kept: string };
  readonly weights: string;
  /** Thaw's words: `head`, `last:3`, `all`. */
  readonly selection: string;
  /** The parameters that it selects in each file. */
  readonly trainable: { readonly folded: readonly string[]; readonly kept: readonly string[] };
  readonly classes: number;
  readonly batch: number;
  /** Height and width. */
  readonly size: number;
  readonly lr: number;
  /** Folder of images.f32 and labels.i64. */
  readonly data: string;
  /** The contender's own. */
  readonly options: Readonly<Record<string, unknown>>;
}

export interface StepsReady {
  /** Number of trainable parameter elements. */
  readonly trainable: number;
  /** Of the software that computes. */
  readonly version: string;
}

/** Answer to `{ step: count }`. */
export interface StepsTaken {
  readonly seconds: readonly number[];
  readonly losses: readonly number[];
  /** CPU seconds of all threads, over all the steps. */
  readonly cpu: number;
}

/** Answer to `{ memory: {} }`: the most that the process held at once. */
export interface PeakMemory {
  readonly bytes: number;
}
