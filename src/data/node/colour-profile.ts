/** Recognizes colour profiles that equal sRGB: conversion from them changes no value by more than 1 of 255, and takes longer than decoding. */

/** Red, green and blue of sRGB in the profile connection space, X, Y and Z of each (IEC 61966-2-1, adapted to D50). */
const PRIMARIES: Readonly<Record<string, readonly [number, number, number]>> = {
  rXYZ: [0.4361, 0.2225, 0.0139],
  gXYZ: [0.3851, 0.7169, 0.0971],
  bXYZ: [0.1431, 0.0606, 0.7141],
};
const CURVES = ['rTRC', 'gTRC', 'bTRC'];
const TOLERANCE = { primary: 0.001, value: 0.4 / 255 };

/** Whether an ICC profile of RGB values is sRGB, up to rounding to 8 bits. False if it is damaged. */
export function isSrgb(profile: Uint8Array): boolean {
  const view = new DataView(profile.buffer, profile.byteOffset, profile.byteLength);
  try {
    const tags = tagsOf(view);
    // Tables for a whole conversion would be used instead of primaries and curves.
    if (textAt(view, 16) !== 'RGB ' || ['A2B0', 'A2B1', 'D2B0', 'D2B1'].some((name) => tags.has(name))) return false;
    return (
      Object.entries(PRIMARIES).every(([name, expected]) => isPrimary(view, tags.get(name), expected)) &&
      CURVES.every((name) => isSrgbCurve(view, tags.get(name)))
    );
  } catch (error) {
    if (error instanceof RangeError) return false;
    throw error;
  }
}

const textAt = (view: DataView, at: number): string =>
  String.fromCharCode(...Array.from({ length: 4 }, (_, i) => view.getUint8(at + i)));

/** Offsets of the tags' data. */
function tagsOf(view: DataView): Map<string, number> {
  const count = view.getUint32(128);
  const tags = new Map<string, number>();
  for (let i = 0; i < count; i++) tags.set(textAt(view, 132 + 12 * i), view.getUint32(136 + 12 * i));
  return tags;
}

/** A number with 16 bits after the point. */
const fixedAt = (view: DataView, at: number): number => view.getInt32(at) / 65536;

const isPrimary = (view: DataView, at: number | undefined, expected: readonly number[]): boolean =>
  at !== undefined &&
  textAt(view, at) === 'XYZ ' &&
  expected.every((value, i) => Math.abs(fixedAt(view, at + 8 + 4 * i) - value) < TOLERANCE.primary);

/** Compares encoded values, because their differences are what an image shows. */
function isSrgbCurve(view: DataView, at: number | undefined): boolean {
  const curve = at === undefined ? undefined : curveAt(view, at);
  if (!curve) return false;
  for (let i = 0; i < 256; i++) {
    if (!(Math.abs(encoded(curve(i / 255)) - i / 255) < TOLERANCE.value)) return false;
  }
  return true;
}

/** The sRGB value of a light intensity. */
const encoded = (light: number): number => (light <= 0.0031308 ? 12.92 * light : 1.055 * light ** (1 / 2.4) - 0.055);

/** The function of a curve from 0 to 1 (ICC.1, 10.6 and 10.18); undefined if it is of a kind that sRGB profiles do not have. */
function curveAt(view: DataView, at: number): ((value: number) => number) | undefined {
  if (textAt(view, at) === 'para' && view.getUint16(at + 8) === 3) {
    const [g, a, b, c, d] = Array.from({ length: 5 }, (_, i) => fixedAt(view, at + 12 + 4 * i));
    return (value) => (value >= d ? (a * value + b) ** g : c * value);
  }
  const count = textAt(view, at) === 'curv' ? view.getUint32(at + 8) : 0;
  if (count < 2) return undefined;
  const entry = (i: number) => view.getUint16(at + 12 + 2 * i) / 65535;
  return (value) => {
    const place = value * (count - 1);
    const low = Math.min(count - 2, Math.floor(place));
    return entry(low) + (place - low) * (entry(low + 1) - entry(low));
  };
}
