import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { presetPreprocessing } from '../../src/data/index.ts';
import { isSrgb } from '../../src/data/node/colour-profile.ts';
import { decodeLarge, decodeResized } from '../../src/data/node/decode.ts';
import { fromRgb, gradient } from './images.ts';

const SRGB: Readonly<Record<string, readonly [number, number, number]>> = {
  rXYZ: [0.43607, 0.22249, 0.01392],
  gXYZ: [0.38515, 0.71687, 0.09708],
  bXYZ: [0.14307, 0.06061, 0.7141],
};
const toLight = (v: number) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);

const ascii = (text: string) => [...text].map((letter) => letter.charCodeAt(0));
const u16 = (value: number) => [(value >> 8) & 255, value & 255];
const u32 = (value: number) => [...u16(value >>> 16), ...u16(value & 0xffff)];
const fixed = (value: number) => u32(Math.round(value * 65536));
const primary = (xyz: readonly number[]) => [...ascii('XYZ '), ...u32(0), ...xyz.flatMap(fixed)];
const sampled = (curve: (value: number) => number, count = 1024) => [
  ...[...ascii('curv'), ...u32(0), ...u32(count)],
  ...Array.from({ length: count }, (_, i) => u16(Math.round(65535 * curve(i / (count - 1))))).flat(),
];
const parametric = (...numbers: number[]) => [
  ...ascii('para'),
  ...u32(0),
  ...u16(3),
  ...u16(0),
  ...numbers.flatMap(fixed),
];

/** A profile of RGB values with these tags. */
function profile(tags: Readonly<Record<string, readonly number[]>>, space = 'RGB '): Uint8Array {
  const entries = Object.entries(tags);
  let at = 132 + 12 * entries.length;
  const table = entries.flatMap(([name, { length }]) => {
    at += length;
    return [...ascii(name), ...u32(at - length), ...u32(length)];
  });
  const header = new Array<number>(128).fill(0);
  header.splice(16, 4, ...ascii(space));
  return Uint8Array.from([...header, ...u32(entries.length), ...table, ...entries.flatMap(([, data]) => data)]);
}

function matrixProfile(primaries: typeof SRGB, curve: readonly number[], more = {}, space?: string) {
  const tags = Object.fromEntries(Object.entries(primaries).map(([name, xyz]) => [name, primary(xyz)]));
  return profile({ ...tags, rTRC: curve, gTRC: curve, bTRC: curve, ...more }, space);
}

describe('isSrgb', () => {
  it.each([
    ['a sampled curve', sampled(toLight)],
    ['a formula', parametric(2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)],
  ])('recognizes sRGB with %s', (_, curve) => {
    expect(isSrgb(matrixProfile(SRGB, curve))).toBe(true);
  });

  it.each([
    [
      'another curve',
      matrixProfile(
        SRGB,
        sampled((v) => v ** 2.2),
      ),
    ],
    ['other primaries', matrixProfile({ ...SRGB, gXYZ: [0.2052, 0.6257, 0.0609] }, sampled(toLight))],
    ['a table for the whole conversion', matrixProfile(SRGB, sampled(toLight), { A2B0: [0, 0, 0, 0] })],
    ['another colour space', matrixProfile(SRGB, sampled(toLight), {}, 'CMYK')],
    ['no curves', profile({ rXYZ: primary(SRGB.rXYZ) })],
    ['a cut file', matrixProfile(SRGB, sampled(toLight)).subarray(0, 400)],
    ['nothing', new Uint8Array()],
  ])('refuses %s', (_, icc) => {
    expect(isSrgb(icc)).toBe(false);
  });
});

describe('decoding', () => {
  const p = presetPreprocessing('imagenet', { size: 32 });
  const png = (icc?: string) => {
    const image = fromRgb(gradient(90, 70), 90, 70).png();
    return (icc ? image.withIccProfile(icc) : image).toBuffer();
  };

  it.each([
    ['resized', decodeResized],
    ['large', decodeLarge],
  ] as const)('%s: an sRGB profile changes nothing', async (_, decode) => {
    const [plain, marked] = [await png(), await png('srgb')];
    expect(isSrgb((await sharp(marked).metadata()).icc!)).toBe(true);
    expect((await decode(marked, p)).data).toEqual((await decode(plain, p)).data);
  });

  it('converts other profiles to sRGB', async () => {
    const [plain, wide] = [await decodeResized(await png(), p), await decodeResized(await png('p3'), p)];
    const greatest = Math.max(...plain.data.map((value, i) => Math.abs(value - wide.data[i])));
    // `withIccProfile` converted the colours; the way back rounds once more.
    expect(greatest).toBeLessThanOrEqual(6);
    const unconverted = await sharp(await png('p3'))
      .keepIccProfile()
      .raw()
      .toBuffer();
    expect(Math.max(...unconverted.map((value, i) => Math.abs(value - gradient(90, 70)[i])))).toBeGreaterThan(10);
  });
});
