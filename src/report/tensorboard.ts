/**
 * TensorBoard's event files: TFRecords of `Event` protobufs. A record is
 *
 *     uint64 length | uint32 masked CRC of length | data | uint32 masked CRC of data        (little endian)
 *
 * (tensorflow/core/lib/io/record_writer.h), and the messages are (tensorflow/core/util/event.proto, framework/summary.proto)
 *
 *     Event   { double wall_time = 1; int64 step = 2; string file_version = 3; Summary summary = 5 }
 *     Summary { repeated Value value = 1 }        Value { string tag = 1; float simple_value = 2 }
 */
import type { EpochRow } from '../training/events.ts';
import { crc32c } from './crc32c.ts';

/** Protobuf's wire types. */
const VARINT = 0;
const FIXED64 = 1;
const BYTES = 2;
const FIXED32 = 5;

function varint(value: number): number[] {
  const bytes: number[] = [];
  for (; value > 127; value = Math.floor(value / 128)) bytes.push((value % 128) | 128);
  return [...bytes, value];
}

const key = (field: number, wire: number): number[] => varint(field * 8 + wire);
const bytes = (field: number, content: ArrayLike<number>): number[] => [
  ...key(field, BYTES),
  ...varint(content.length),
  ...Array.from(content),
];
const text = (field: number, value: string): number[] => bytes(field, new TextEncoder().encode(value));

function double(field: number, value: number): number[] {
  const view = new DataView(new ArrayBuffer(8));
  view.setFloat64(0, value, true);
  return [...key(field, FIXED64), ...new Uint8Array(view.buffer)];
}

function float(field: number, value: number): number[] {
  const view = new DataView(new ArrayBuffer(4));
  view.setFloat32(0, value, true);
  return [...key(field, FIXED32), ...new Uint8Array(view.buffer)];
}

/** Rotated and shifted, so that a checksum of data that holds checksums is still a good one (record_writer's `MaskedCrc`). */
function maskedCrc(data: Uint8Array): number {
  const crc = crc32c(data);
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;
}

function record(data: readonly number[]): Uint8Array {
  const result = new Uint8Array(8 + 4 + data.length + 4);
  const view = new DataView(result.buffer);
  view.setBigUint64(0, BigInt(data.length), true);
  view.setUint32(8, maskedCrc(result.subarray(0, 8)), true);
  result.set(data, 12);
  view.setUint32(12 + data.length, maskedCrc(result.subarray(12, 12 + data.length)), true);
  return result;
}

/** What an event file starts with. `wallTime` in seconds since 1970. */
export const eventFileHeader = (wallTime: number): Uint8Array =>
  record([...double(1, wallTime), ...text(3, 'brain.Event:2')]);

/** One record with a scalar a tag, to be appended. `step` is a whole number from 0; `wallTime` in seconds since 1970. */
export const scalarEvents = (step: number, wallTime: number, scalars: Readonly<Record<string, number>>): Uint8Array =>
  record([
    ...double(1, wallTime),
    ...key(2, VARINT),
    ...varint(step),
    ...bytes(
      5,
      Object.entries(scalars).flatMap(([tag, value]) => bytes(1, [...text(1, tag), ...float(2, value)])),
    ),
  ]);

/** The scalars that Thaw logs of an epoch, for `scalarEvents`: `train/…` and `val/…` of whatever the task measures, and the rest of the row. */
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
