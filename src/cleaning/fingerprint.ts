/** What makes two files the same image to a viewer: a perceptual hash, and a thumbnail. */
import { mirrored, type Pixels, THUMB, type Thumb } from '../data/index.ts';
import { resize } from '../data/web/resample.ts';

/** 64 bits as two 32-bit integers. */
export type Hash = readonly [number, number];

export interface Fingerprint {
  /** A pHash: signs of the low frequencies. */
  readonly hash: Hash;
  /** The hash of the mirrored image. */
  readonly mirroredHash: Hash;
  readonly thumb: Thumb;
}

/** Side of the image that is hashed, and number of frequencies in each direction. */
const SIDE = 32;
const LOW = 8;

/** cos(π (2x + 1) u / 2 SIDE), the discrete cosine transform. */
const COSINES = Array.from({ length: LOW }, (_, u) =>
  Float64Array.from({ length: SIDE }, (_, x) => Math.cos((Math.PI * (2 * x + 1) * u) / (2 * SIDE))),
);

/** @param image in any size from about 64 pixels, upright */
export function fingerprintOf(image: Pixels): Fingerprint {
  const small = resize(image, { width: SIDE, height: SIDE }, 'linear');
  const luma = Float64Array.from({ length: SIDE * SIDE }, (_, i) => lumaAt(small, i));
  const flipped = luma.map((_, i) => luma[i - (i % SIDE) + SIDE - 1 - (i % SIDE)]);
  return {
    hash: hashOf(luma),
    mirroredHash: hashOf(flipped),
    thumb: Uint8Array.from(resize(small, { width: THUMB, height: THUMB }, 'linear').data),
  };
}

/** Brightness of a pixel as people see it (ITU-R BT.601), 0 to 255. */
export const lumaAt = ({ data }: Pixels, i: number): number =>
  0.299 * data[3 * i] + 0.587 * data[3 * i + 1] + 0.114 * data[3 * i + 2];

function hashOf(luma: Float64Array): Hash {
  const rows = Array.from({ length: SIDE }, (_, y) =>
    COSINES.map((cosines) => cosines.reduce((all, cosine, x) => all + cosine * luma[y * SIDE + x], 0)),
  );
  const low = COSINES.flatMap((cosines) =>
    Array.from({ length: LOW }, (_, u) => cosines.reduce((all, cosine, y) => all + cosine * rows[y][u], 0)),
  );
  // The first value is the mean, which brightness changes.
  const middle = [...low.slice(1)].sort((a, b) => a - b)[Math.floor((low.length - 1) / 2)];
  const words = [0, 0];
  for (const [i, value] of low.entries()) if (i > 0 && value > middle) words[i >> 5] |= 1 << (i & 31);
  return [words[0] >>> 0, words[1] >>> 0];
}

/** The number of different bits. */
export const hashDistance = (a: Hash, b: Hash): number => bitsIn(a[0] ^ b[0]) + bitsIn(a[1] ^ b[1]);

/** The number of ones in 32 bits. */
export function bitsIn(value: number): number {
  let v = value - ((value >>> 1) & 0x55555555);
  v = (v & 0x33333333) + ((v >>> 2) & 0x33333333);
  return (((v + (v >>> 4)) & 0x0f0f0f0f) * 0x01010101) >>> 24;
}

/**
 * The correlation of two thumbnails, at most 1. Brightness and contrast make no difference, but colours do. 0 if one of them is plain: two
 * white pages look the same.
 */
export function thumbCorrelation(a: Thumb, b: Thumb): number {
  const [x, y] = [centred(a), centred(b)];
  const norm = (values: Float64Array) =>
    Math.sqrt(values.reduce((all, value) => all + value * value, 0) / values.length);
  const [p, q] = [norm(x), norm(y)];
  if (Math.min(p, q) < PLAIN) return 0;
  return x.reduce((all, value, i) => all + value * y[i], 0) / (p * q * x.length);
}

/** Thumbnails with a smaller standard deviation are plain. */
const PLAIN = 4;

function centred(thumb: Thumb): Float64Array {
  const mean = thumb.reduce((all, value) => all + value, 0) / thumb.length;
  return Float64Array.from(thumb, (value) => value - mean);
}

/** How alike two images are, the second also mirrored. */
export function likeness(
  a: Fingerprint,
  b: Fingerprint,
): { readonly correlation: number; readonly isMirrored: boolean } {
  const plain = thumbCorrelation(a.thumb, b.thumb);
  const flipped = thumbCorrelation(a.thumb, mirrored(b.thumb));
  return { correlation: Math.max(plain, flipped), isMirrored: flipped > plain };
}
