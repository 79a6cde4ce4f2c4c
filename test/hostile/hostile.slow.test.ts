import { expect, test } from 'vitest';
import { fuzz } from './fuzz.ts';

/** Files for each target: together some seconds. `scripts/fuzz.ts` tries as many as wanted. */
const COUNTS = {
  model: 1000,
  safetensors: 500,
  config: 300,
  table: 500,
  texts: 300,
  image: 300,
  training: 200,
  'run directory': 120,
  preprocessing: 200,
  labels: 200,
  recommendations: 300,
  tokenizer: 300,
};

test.concurrent.each(Object.entries(COUNTS))(
  '%s: wrong files are refused or taken, and nothing else',
  async (target, count) => {
    const { tried, outcomes, peak, faults } = await fuzz(target, { seed: 8, count });
    expect(faults).toEqual([]);
    expect(tried).toBe(count);
    expect(outcomes).toBeGreaterThan(2);
    expect(peak).toBeLessThan(700 * 2 ** 20);
  },
  600_000,
);
