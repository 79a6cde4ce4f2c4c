import type { Interpreters } from './contenders.ts';

/** The options of a benchmark. */
export interface BenchOptions {
  readonly models: readonly string[];
  /** The parameters that train, as selections of Thaw. */
  readonly cases: readonly string[];
  readonly contenders: readonly string[];
  readonly rounds: number;
  /** Counted steps, for each contender in each round. */
  readonly steps: number;
  readonly warmup: number;
  /** The maximum number of attempts for a turn that other work on the machine disturbs. */
  readonly attempts: number;
  /** Trainings of each side, in the cases that read images, with seeds from 0. */
  readonly trainings: number;
  readonly threads: number;
  readonly batch: number;
  readonly classes: number;
  readonly interpreters: Interpreters;
  /** Class folders of JPEGs, for the cases that read images. */
  readonly data?: string;
  /** Markdown file whose sections are replaced. */
  readonly write?: string;
}
