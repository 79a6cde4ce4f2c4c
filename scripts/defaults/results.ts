/** The results of the runs: one JSON object per line. */
import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Identifies a run. */
export interface RunKey {
  readonly task: string;
  readonly model: string;
  readonly plan: string;
  readonly seed: number;
}

export interface RunResult extends RunKey {
  /** Accuracy of the best epoch on the validation half of the held-out samples. */
  readonly val: number;
  /** Accuracy of the finished model on the test half. */
  readonly test: number;
  readonly epochs: number;
  readonly seconds: number;
  /** Seconds of all threads. */
  readonly processorSeconds: number;
  readonly threads: number;
  readonly stages?: readonly object[];
  readonly decisions?: readonly object[];
}

const fileOf = (folder: string): string => join(folder, 'results.jsonl');

export const keyOf = ({ task, model, plan, seed }: RunKey): string => [task, model, plan, seed].join(' ');

export function readResults(folder: string): RunResult[] {
  if (!existsSync(fileOf(folder))) return [];
  return readFileSync(fileOf(folder), 'utf8')
    .split('\n')
    .filter((line) => line.trim())
    .map((line) => JSON.parse(line));
}

export const addResult = (folder: string, result: RunResult): void =>
  appendFileSync(fileOf(folder), `${JSON.stringify(result)}\n`);
