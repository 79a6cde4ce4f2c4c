import type { Metric } from '../../tasks/index.ts';

/** A client of a federation over all its rounds. */
export interface FederationClient {
  readonly name: string;
  /** Samples that it last trained on. */
  readonly examples: number;
  /** Rounds that it gave a state to. */
  readonly rounds: number;
  /** By round: loss of its own training, and the metric of the round's state on its own validation samples. NaN where it gave none. */
  readonly losses: readonly number[];
  readonly reached: readonly number[];
  /** Bytes of all messages to it and from it. */
  readonly down: number;
  readonly up: number;
}

/** How a model was trained by many machines. */
export interface FederationReport {
  /** In words, with what it was given. */
  readonly strategy: string;
  readonly metric: Metric;
  readonly clients: readonly FederationClient[];
  /** Bytes by round, of all clients: to them and from them. */
  readonly down: readonly number[];
  readonly up: readonly number[];
  /** Who gave nothing when, and why; round null is the last evaluation. */
  readonly dropped: readonly { readonly round: number | null; readonly client: string; readonly why: string }[];
  /** Samples that the clients hold back to measure on, together. */
  readonly held: number;
}
