/** Operations on single values, by a table of 256 entries. Formulas and rounding are those of torchvision for `uint8`. */
import { type Tables, table, UNCHANGED } from '../pixels.ts';
import { meanGrey } from './grey.ts';
import type { Toned } from './toned.ts';

/** Single precision and truncation, equal to `tensor.mul(factor).clamp(0, 255).to(uint8)`. */
const single = Math.fround;
const byte = (value: number): number => Math.trunc(Math.min(255, Math.max(0, value)));

/** The same table for all channels. */
function alike(of: (value: number) => number): Tables {
  const same = table(of);
  return [same, same, same];
}

/** A table for each channel, computed from its histogram. */
function byHistogram({ pixels: { data }, tables }: Toned, tableOf: (histogram: Int32Array) => Uint8Array): Tables {
  const of = (channel: 0 | 1 | 2) => {
    const histogram = new Int32Array(256);
    const values = tables[channel];
    for (let i = channel; i < data.length; i += 3) histogram[values[data[i]]]++;
    return tableOf(histogram);
  };
  return [of(0), of(1), of(2)];
}

const [same] = UNCHANGED;

/** Each returns tables for the values that the image shows. */
export const TONES = {
  // f·v      (adjust_brightness)
  brightness: (_: Toned, factor: number) => alike((v) => byte(single(v * single(factor)))),

  // f·v + (1 − f)·mean grey      (adjust_contrast)
  contrast(image: Toned, factor: number) {
    const rest = single(single(1 - factor) * single(meanGrey(image)));
    return alike((v) => byte(single(single(v * single(factor)) + rest)));
  },

  // v^γ of values from 0 to 1      (adjust_gamma)
  gamma: (_: Toned, gamma: number) => alike((v) => byte(single(single(single(v / 255) ** gamma) * single(255.999)))),

  // 255 − v      (invert)
  invert: (_: Toned) => alike((v) => 255 - v),

  // keeps the most significant bits      (posterize)
  posterize: (_: Toned, bits: number) => alike((v) => v & (0xff << (8 - bits))),

  // 255 − v for v ≥ threshold      (solarize)
  solarize: (_: Toned, threshold: number) => alike((v) => (v >= threshold ? 255 - v : v)),

  // 255·(v − min) / (max − min) per channel      (autocontrast)
  autocontrast: (image: Toned) =>
    byHistogram(image, (histogram) => {
      const least = histogram.findIndex((count) => count > 0);
      const most = histogram.findLastIndex((count) => count > 0);
      if (least === most) return same;
      const scale = single((most - least) * single(1 / 255));
      return table((v) => byte(single((v - least) / scale)));
    }),

  // rank from 0 to 255: ⌊(count below + ⌊step/2⌋) / step⌋, step = ⌊(pixels − count of the maximum) / 255⌋      (equalize)
  equalize: (image: Toned) =>
    byHistogram(image, (histogram) => {
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
