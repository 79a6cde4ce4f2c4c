import type { Metric } from '../../tasks/index.ts';

/** A client of a federation, over all rounds. */
export interface FederationClient {
  readonly name: string;
  /** Training samples in its last round. */
  readonly examples: number;
  /** Number of rounds with a state from this client. */
  readonly rounds: number;
  /** By round: its training loss, and the metric of the round's state on its validation samples. NaN if missing. */
  readonly losses: readonly number[];
  readonly reached: readonly number[];
  /** Total bytes of messages to and from the client. */
  readonly down: number;
  readonly up: number;
}

/** How a federation trained a model. */
export interface FederationReport {
  /** Name and options of the strategy. */
  readonly strategy: string;
  readonly metric: Metric;
  readonly clients: readonly FederationClient[];
  /** Bytes by round, of all clients, in each direction. */
  readonly down: readonly number[];
  readonly up: readonly number[];
  /** Clients without a valid answer, with the reason. A null round is the last evaluation. */
  readonly dropped: readonly { readonly round: number | null; readonly client: string; readonly why: string }[];
  /** Total validation samples of the clients. */
  readonly held: number;
}
