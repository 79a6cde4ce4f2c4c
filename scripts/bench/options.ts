import type { Interpreters } from './contenders.ts';

/** What is measured, and how. */
export interface BenchOptions {
  readonly models: readonly string[];
  /** What trains, in Thaw's words. */
  readonly cases: readonly string[];
  readonly contenders: readonly string[];
  readonly rounds: number;
  /** Steps that count, of each contender in each round. */
  readonly steps: number;
  readonly warmup: number;
  /** Most times that a turn is taken which other work on the machine disturbs. */
  readonly attempts: number;
  /** Whole trainings of each side, in the cases that read images, with seeds from 0. */
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
