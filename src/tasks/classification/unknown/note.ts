import * as z from 'zod';
import { ThawError } from '../../../errors.ts';
import { type Matrix, zeros } from '../../../matrices.ts';
import { halfOf, numberOfHalf } from '../../../onnx/index.ts';
import { firstIssue, plainWords } from '../../../schema-words.ts';
import type { DetectorParts } from './detector.ts';
import { LEAST_KNOWN } from './threshold.ts';

const schema = z.strictObject({
  method: z.literal('mahalanobis'),
  /** The value of the graph that the head reads. */
  features: z.strictObject({ name: z.string(), size: z.number().int().positive(), channelsFirst: z.boolean() }),
  /** Numbers are base64, little-endian: `levels` int8, `scales` and `lower` (row by row) float32, `means` float16. */
  detector: z.strictObject({
    levels: z.string().optional(),
    scales: z.string().optional(),
    lower: z.string(),
    means: z.string(),
    outside: z.number().positive(),
  }),
  /** Share of samples of the classes that may be called unknown. */
  rate: z.number().gt(0).lt(1),
  /** Distances of validation samples, ascending. */
  known: z.array(z.number().nonnegative()).min(LEAST_KNOWN),
});

/** Everything that recognises samples of none of a model's classes: `thaw.unknown` in its `config.json`. Plain data. */
export type UnknownNote = z.output<typeof schema>;

const damaged = (why: string, cause?: unknown) =>
  new ThawError(
    'bad-config',
    `config.json: thaw.unknown cannot be read: ${why}`,
    'Fit it again: thaw calibrate MODEL IMAGES',
    { cause },
  );

/** @throws ThawError `bad-config` if it is damaged */
export function readNote(json: unknown): UnknownNote {
  const result = schema.safeParse(json, { error: plainWords });
  if (result.success) return result.data;
  const { where, words } = firstIssue(result.error);
  throw damaged(`${where && `${where}: `}${words}`, result.error);
}

/** The detector, with its numbers as they are stored. */
export function encodeDetector({ basis, lower, means, outside }: DetectorParts): UnknownNote['detector'] {
  const rows = Array.from({ length: lower.rows }, (_, i) =>
    lower.data.subarray(i * lower.rows, i * lower.rows + i + 1),
  );
  return {
    ...(basis && { levels: base64(basis.levels), scales: base64(floats(basis.scales)) }),
    lower: base64(floats(rows.flatMap((values) => [...values]))),
    means: base64(halves(means.data)),
    outside,
  };
}

/** @throws ThawError `bad-config` if the lengths do not fit together */
export function decodeDetector({ features: { size }, detector }: UnknownNote): DetectorParts {
  const { levels, scales, outside } = detector;
  const basis =
    levels === undefined || scales === undefined
      ? undefined
      : { levels: new Int8Array(bytesIn(levels).buffer), scales: Float32Array.from(floatsIn(scales)) };
  const k = basis?.scales.length ?? size;
  if (basis && basis.levels.length !== k * size) throw damaged('levels have another length than their scales');
  const packed = floatsIn(detector.lower);
  if (packed.length !== (k * (k + 1)) / 2) throw damaged('lower has another length than the basis');
  if (!packed.every(Number.isFinite)) throw damaged('lower has a number that is not finite');
  const lower = zeros(k, k);
  for (let i = 0, at = 0; i < k; at += ++i) lower.data.set(packed.slice(at, at + i + 1), i * k);
  const stored = halvesIn(detector.means);
  if (stored.length === 0 || stored.length % k !== 0) throw damaged('means have another length than the basis');
  if (!stored.every(Number.isFinite)) throw damaged('means have a number that is not finite');
  for (let i = 0; i < k; i++) if (!(lower.data[i * k + i] > 0)) throw damaged('the diagonal of lower is not positive');
  const means: Matrix = { rows: stored.length / k, columns: k, data: Float64Array.from(stored) };
  return { size, basis, lower, means, outside };
}

/** Bytes of a call of `String.fromCharCode`. */
const CHUNK = 0x8000;

function base64({ buffer, byteOffset, byteLength }: Int8Array | Uint8Array): string {
  const bytes = new Uint8Array(buffer, byteOffset, byteLength);
  let text = '';
  for (let at = 0; at < bytes.length; at += CHUNK) text += String.fromCharCode(...bytes.subarray(at, at + CHUNK));
  return btoa(text);
}

function bytesIn(text: string): Uint8Array<ArrayBuffer> {
  try {
    return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
  } catch (cause) {
    throw damaged('it is not base64', cause);
  }
}

function floats(values: ArrayLike<number>): Uint8Array {
  const view = new DataView(new ArrayBuffer(4 * values.length));
  for (let i = 0; i < values.length; i++) view.setFloat32(4 * i, values[i], true);
  return new Uint8Array(view.buffer);
}

function floatsIn(text: string): number[] {
  const { buffer } = bytesIn(text);
  const view = new DataView(buffer);
  return Array.from({ length: Math.floor(buffer.byteLength / 4) }, (_, i) => view.getFloat32(4 * i, true));
}

function halves(values: ArrayLike<number>): Uint8Array {
  const view = new DataView(new ArrayBuffer(2 * values.length));
  for (let i = 0; i < values.length; i++) view.setUint16(2 * i, halfOf(values[i]), true);
  return new Uint8Array(view.buffer);
}

function halvesIn(text: string): number[] {
  const { buffer } = bytesIn(text);
  const view = new DataView(buffer);
  return Array.from({ length: Math.floor(buffer.byteLength / 2) }, (_, i) => numberOfHalf(view.getUint16(2 * i, true)));
}
