import * as z from 'zod';
import { readSafetensors, type Safetensors, writeSafetensors } from '../compiler/step/index.ts';
import { ThawError } from '../errors.ts';
import { checkJson, parseJson } from '../json.ts';
import type { Tensor } from '../onnx/index.ts';
import { type Progress, START } from './progress.ts';
import { progressSchema } from './progress-schema.ts';

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
const revive = (_: string, value: unknown) => (NOT_FINITE.includes(value as string) ? Number(value) : value);
const HINT = 'Start a new run with `thaw train`';

/** What an older version did not write is as at the start. */
function parse(text: string, what: string): Progress {
  const source = { what, hint: HINT };
  return checkJson({ ...START, ...parseJson(text, z.looseObject({}), source, revive) }, progressSchema, source);
}

/** A checkpoint as a safetensors file. */
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

/** @throws ThawError `run-directory` where it has another format, or does not say where the training stands */
export function readCheckpoint(
  bytes: Uint8Array,
): Checkpoint & { readonly metadata: Readonly<Record<string, string>> } {
  const { tensors, metadata } = readSafetensors(bytes);
  if (metadata.format !== FORMAT) {
    throw new ThawError(
      'run-directory',
      `the checkpoint is damaged: its format is ${metadata.format}, and this version reads ${FORMAT}`,
      HINT,
    );
  }
  const progress = parse(metadata.progress ?? '', 'the progress of the checkpoint');
  if (metadata.good === undefined) return { state: tensors, progress, metadata };
  const state = new Map([...tensors].filter(([name]) => !name.startsWith(GOOD)));
  const start = [...tensors].filter(([name]) => name.startsWith(GOOD));
  const good = {
    progress: parse(metadata.good, 'the start of the epoch in the checkpoint'),
    state: new Map(start.map(([name, tensor]) => [name.slice(GOOD.length), tensor])),
  };
  return { state, progress, good, metadata };
}
