import { readSafetensors, type Safetensors, writeSafetensors } from '../artifacts/index.ts';
import { ThawError } from '../errors.ts';
import type { Tensor } from '../onnx/index.ts';
import { type Progress, START } from './progress.ts';

/** All that a training needs to go on: by name the parameters that ever trained, their optimizer state, moving statistics. */
export interface Checkpoint {
  readonly progress: Progress;
  readonly state: ReadonlyMap<string, Tensor>;
  /** Within an epoch: its start, to which a loss that goes wrong sends the training back. */
  readonly good?: Checkpoint;
}

const FORMAT = '1';
/** Before the names of the epoch's start. */
const GOOD = 'good:';

// JSON has no word for what is not finite, and no value of a progress is one of these words.
const NOT_FINITE = ['NaN', 'Infinity', '-Infinity'];
const stringify = (value: unknown): string =>
  JSON.stringify(value, (_, v) => (typeof v === 'number' && !Number.isFinite(v) ? String(v) : v));
const parse = (text: string): Progress => ({
  ...START,
  ...(JSON.parse(text, (_, v) => (NOT_FINITE.includes(v) ? Number(v) : v)) as Progress),
});

export const writeCheckpoint = (checkpoint: Checkpoint): Uint8Array => writeSafetensors(checkpointFile(checkpoint));

/** A checkpoint as a safetensors file: the state as tensors, where the training stands in the metadata, beside what more it is to say. */
export function checkpointFile(
  { progress, state, good }: Checkpoint,
  more: Readonly<Record<string, string>> = {},
): Safetensors {
  const metadata = {
    ...more,
    format: FORMAT,
    step: String(progress.step),
    epoch: String(progress.epoch),
    stage: String(progress.stage),
    progress: stringify(progress),
    ...(good && { good: stringify(good.progress) }),
  };
  const start = [...(good?.state ?? [])].map(([name, tensor]) => [`${GOOD}${name}`, tensor] as const);
  return { tensors: new Map([...state, ...start]), metadata };
}

/** @throws ThawError `run-directory` where it has another format */
export function readCheckpoint(
  bytes: Uint8Array,
): Checkpoint & { readonly metadata: Readonly<Record<string, string>> } {
  const { tensors, metadata } = readSafetensors(bytes);
  if (metadata.format !== FORMAT) {
    throw new ThawError(
      'run-directory',
      `the checkpoint is damaged: its format is ${metadata.format}, and this version reads ${FORMAT}`,
      'Start a new run with `thaw train`',
    );
  }
  const progress = parse(metadata.progress);
  if (metadata.good === undefined) return { state: tensors, progress, metadata };
  const state = new Map([...tensors].filter(([name]) => !name.startsWith(GOOD)));
  const start = [...tensors].filter(([name]) => name.startsWith(GOOD));
  const good = {
    progress: parse(metadata.good),
    state: new Map(start.map(([name, tensor]) => [name.slice(GOOD.length), tensor])),
  };
  return { state, progress, good, metadata };
}
