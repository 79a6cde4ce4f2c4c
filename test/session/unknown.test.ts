import { expect, test } from 'vitest';
import { fitSamples, thresholdSamples } from '../../src/session/unknown.ts';

const samplesOf = (counts: readonly number[]) =>
  counts.flatMap((count, label) => Array.from({ length: count }, (_, i) => ({ file: `${label}/${i}`, label })));
const countsOf = (samples: readonly { readonly label: number }[], classes: number) =>
  Array.from({ length: classes }, (_, c) => samples.filter(({ label }) => label === c).length);

test('a fit takes equally many training samples of each class, as far as there are some', () => {
  expect(countsOf(fitSamples(samplesOf([900, 3, 5000]), 3), 3)).toEqual([64, 3, 64]);
  expect(countsOf(fitSamples(samplesOf(new Array(100).fill(30)), 100), 100)).toEqual(new Array(100).fill(10));
  const many = fitSamples(samplesOf(new Array(2000).fill(10)), 2000);
  expect(new Set(countsOf(many, 2000))).toEqual(new Set([4]));
});

test('a threshold takes at most 2000 validation samples, and keeps the shares of the classes', () => {
  const few = samplesOf([10, 5]);
  expect(thresholdSamples(few)).toBe(few);
  const many = thresholdSamples(samplesOf([9000, 1000]));
  expect(countsOf(many, 2)).toEqual([1800, 200]);
  expect(new Set(many).size).toBe(2000);
});
