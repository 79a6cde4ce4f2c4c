/** Operations on single values, by a table of 256 entries. Formulas and rounding are those of torchvision for `uint8`. */
import type { Pixels } from '../pixels.ts';
import { meanGrey } from './grey.ts';

/** Single precision and truncation, equal to `tensor.mul(factor).clamp(0, 255).to(uint8)`. */
const single = Math.fround;
const byte = (value: number): number => Math.trunc(Math.min(255, Math.max(0, value)));

/** Maps the three channels, each with its own table. */
function mapped({ data, width, height }: Pixels, tables: readonly [Uint8Array, Uint8Array, Uint8Array]): Pixels {
  const [red, green, blue] = tables;
  const out = new Uint8Array(data.length);
  for (let i = 0; i < data.length; i += 3) {
    out[i] = red[data[i]];
    out[i + 1] = green[data[i + 1]];
    out[i + 2] = blue[data[i + 2]];
  }
  return { data: out, width, height };
}

const table = (of: (value: number) => number): Uint8Array => Uint8Array.from({ length: 256 }, (_, value) => of(value));

/** Maps all channels with the same table. */
function alike(pixels: Pixels, of: (value: number) => number): Pixels {
  const same = table(of);
  return mapped(pixels, [same, same, same]);
}

/** Maps each channel with a table computed from its histogram. */
function byHistogram(pixels: Pixels, tableOf: (histogram: Int32Array) => Uint8Array): Pixels {
  const histograms = [new Int32Array(256), new Int32Array(256), new Int32Array(256)];
  const [red, green, blue] = histograms;
  const { data } = pixels;
  for (let i = 0; i < data.length; i += 3) {
    red[data[i]]++;
    green[data[i + 1]]++;
    blue[data[i + 2]]++;
  }
  return mapped(pixels, [tableOf(red), tableOf(green), tableOf(blue)]);
}

const same = table((value) => value);

export const TONES = {
  // f·v      (adjust_brightness)
  brightness: (pixels: Pixels, factor: number) => alike(pixels, (v) => byte(single(v * single(factor)))),

  // f·v + (1 − f)·mean grey      (adjust_contrast)
  contrast(pixels: Pixels, factor: number) {
    const rest = single(single(1 - factor) * single(meanGrey(pixels)));
    return alike(pixels, (v) => byte(single(single(v * single(factor)) + rest)));
  },

  // v^γ of values from 0 to 1      (adjust_gamma)
  gamma: (pixels: Pixels, gamma: number) =>
    alike(pixels, (v) => byte(single(single(single(v / 255) ** gamma) * single(255.999)))),

  // 255 − v      (invert)
  invert: (pixels: Pixels) => alike(pixels, (v) => 255 - v),

  // keeps the most significant bits      (posterize)
  posterize: (pixels: Pixels, bits: number) => alike(pixels, (v) => v & (0xff << (8 - bits))),

  // 255 − v for v ≥ threshold      (solarize)
  solarize: (pixels: Pixels, threshold: number) => alike(pixels, (v) => (v >= threshold ? 255 - v : v)),

  // 255·(v − min) / (max − min) per channel      (autocontrast)
  autocontrast: (pixels: Pixels) =>
    byHistogram(pixels, (histogram) => {
      const least = histogram.findIndex((count) => count > 0);
      const most = histogram.findLastIndex((count) => count > 0);
      if (least === most) return same;
      const scale = single((most - least) * single(1 / 255));
      return table((v) => byte(single((v - least) / scale)));
    }),

  // rank from 0 to 255: ⌊(count below + ⌊step/2⌋) / step⌋, step = ⌊(pixels − count of the maximum) / 255⌋      (equalize)
  equalize: (pixels: Pixels) =>
    byHistogram(pixels, (histogram) => {
      const most = histogram.findLast((count) => count > 0)!;
      const step = Math.floor((histogram.reduce((a, b) => a + b) - most) / 255);
      if (step === 0) return same;
      let below = 0;
      return table((v) => {
        const place = Math.floor((below + (step >> 1)) / step);
        below += histogram[v];
        return Math.min(255, place);
      });
    }),
};
