import * as z from 'zod';
import { readSafetensors, type Safetensors, writeSafetensors } from '../compiler/step/index.ts';
import { ThawError } from '../errors.ts';
import { checkJson, parseJson } from '../json.ts';
import type { Tensor } from '../onnx/index.ts';
import type { EpochRow } from './events.ts';
import { type Progress, START } from './progress.ts';
import { progressSchema, rowSchema } from './progress-schema.ts';

/** All that a training needs to continue: the parameters that trained so far, their optimizer state and moving statistics, by name. */
export interface Checkpoint {
  readonly progress: Progress;
  readonly state: ReadonlyMap<string, Tensor>;
  /** Within an epoch: the checkpoint of its start, to which a rollback returns. */
  readonly epochStart?: Checkpoint;
}

const FORMAT = '1';
/** Prefix of the tensors of the epoch's start. */
const START_PREFIX = 'good:';

// JSON cannot write these numbers. No string of a progress is one of these words.
const NOT_FINITE = ['NaN', 'Infinity', '-Infinity'];
const stringify = (value: unknown): string =>
  JSON.stringify(value, (_, v) => (typeof v === 'number' && !Number.isFinite(v) ? String(v) : v));
const revive = (_: string, value: unknown) => (NOT_FINITE.includes(value as string) ? Number(value) : value);
const HINT = 'Start a new run with `thaw train`';

/** Fields that an older version did not write have their values at the start. */
function parse(text: string, what: string): Progress {
  const source = { what, hint: HINT };
  return checkJson({ ...START, ...parseJson(text, z.looseObject({}), source, revive) }, progressSchema, source);
}

/** A row of a progress as one line, for those who keep the rows elsewhere. */
export const writeRow = (row: EpochRow): string => stringify(row);

/** @param what names the line in errors */
export const readRow = (line: string, what: string): EpochRow =>
  parseJson(line, rowSchema, { what, hint: HINT }, revive);

/** A checkpoint as a safetensors file. */
export const writeCheckpoint = (checkpoint: Checkpoint): Uint8Array => writeSafetensors(checkpointFile(checkpoint));

/** A checkpoint as a safetensors file: the state as tensors, the progress in the metadata. @param more metadata */
export function checkpointFile(
  { progress, state, epochStart }: Checkpoint,
  more: Readonly<Record<string, string>> = {},
): Safetensors {
  const metadata = {
    ...more,
    format: FORMAT,
    step: String(progress.step),
    epoch: String(progress.epoch),
    stage: String(progress.stage),
    progress: stringify(progress),
    ...(epochStart && { good: stringify(epochStart.progress) }),
  };
  const start = [...(epochStart?.state ?? [])].map(([name, tensor]) => [`${START_PREFIX}${name}`, tensor] as const);
  return { tensors: new Map([...state, ...start]), metadata };
}

/** @throws ThawError `run-directory` if it has another format, or no progress */
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
  const state = new Map([...tensors].filter(([name]) => !name.startsWith(START_PREFIX)));
  const start = [...tensors].filter(([name]) => name.startsWith(START_PREFIX));
  const epochStart = {
    progress: parse(metadata.good, 'the start of the epoch in the checkpoint'),
    state: new Map(start.map(([name, tensor]) => [name.slice(START_PREFIX.length), tensor])),
  };
  return { state, progress, epochStart, metadata };
}
