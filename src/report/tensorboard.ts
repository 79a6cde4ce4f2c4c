/**
 * TensorBoard's event files: TFRecords of `Event` protobufs (event.proto). A record is
 *
 *     uint64 length | uint32 masked CRC of length | data | uint32 masked CRC of data        (little endian)
 *
 * (tensorflow/core/lib/io/record_writer.h).
 */
import type { EpochRow } from '../training/events.ts';
import { crc32c } from './crc32c.ts';
import { tensorboard } from './generated/event.js';

/** Rotated and shifted, so that the CRC of data that contains CRCs stays strong (record_writer's `MaskedCrc`). */
function maskedCrc(data: Uint8Array): number {
  const crc = crc32c(data);
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;
}

function record(event: tensorboard.Event.$Properties): Uint8Array {
  const data = tensorboard.Event.encode(event).finish();
  const result = new Uint8Array(8 + 4 + data.length + 4);
  const view = new DataView(result.buffer);
  view.setBigUint64(0, BigInt(data.length), true);
  view.setUint32(8, maskedCrc(result.subarray(0, 8)), true);
  result.set(data, 12);
  view.setUint32(12 + data.length, maskedCrc(result.subarray(12, 12 + data.length)), true);
  return result;
}

/** The start of an event file. `wallTime` in seconds since 1970. */
export const eventFileHeader = (wallTime: number): Uint8Array =>
  record({ wall_time: wallTime, file_version: 'brain.Event:2' });

/** One record with a scalar per tag, to append. `step` is an integer from 0; `wallTime` in seconds since 1970. */
export const scalarEvents = (step: number, wallTime: number, scalars: Readonly<Record<string, number>>): Uint8Array =>
  record({
    wall_time: wallTime,
    step,
    summary: { value: Object.entries(scalars).map(([tag, value]) => ({ tag, simple_value: value })) },
  });

/** The scalars of an epoch for `scalarEvents`: `train/…` and `val/…` of all metrics, and the rest of the row. */
export const epochScalars = ({ stage, trainable, lr, train, val, seconds }: EpochRow): Record<string, number> => ({
  ...under('train', train),
  ...under('val', val),
  lr,
  stage,
  trainable,
  seconds,
});

const under = (split: string, scores: EpochRow['train']): Record<string, number> =>
  Object.fromEntries(Object.entries(scores).map(([metric, value]) => [`${split}/${metric}`, value]));
