import { readSafetensors, writeSafetensors } from '../artifacts/index.ts';
import { ThawError } from '../errors.ts';
import type { Progress } from './progress.ts';
import type { Checkpoint } from './trainer.ts';

const FORMAT = '1';

// JSON has no word for what is not finite, and no value of a progress is a string.
const NOT_FINITE = ['NaN', 'Infinity', '-Infinity'];
const stringify = (value: unknown): string =>
  JSON.stringify(value, (_, v) => (typeof v === 'number' && !Number.isFinite(v) ? String(v) : v));
const parse = (text: string): unknown => JSON.parse(text, (_, v) => (NOT_FINITE.includes(v) ? Number(v) : v));

/** A checkpoint as a safetensors file: the state as tensors, where the training stands in the metadata. */
export function writeCheckpoint(
  { progress, state }: Checkpoint,
  more: Readonly<Record<string, string>> = {},
): Uint8Array {
  const metadata = {
    ...more,
    format: FORMAT,
    step: String(progress.step),
    epoch: String(progress.epoch),
    stage: String(progress.stage),
    progress: stringify(progress),
  };
  return writeSafetensors({ tensors: state, metadata });
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
  return { state: tensors, progress: parse(metadata.progress) as Progress, metadata };
}
