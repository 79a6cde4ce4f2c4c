import { expect, test } from 'vitest';
import { fuzz } from './fuzz.ts';

/** Files per target, some seconds in total. `scripts/fuzz.ts` tries any number. */
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
  '%s: every invalid file is accepted or refused',
  async (target, count) => {
    const { tried, outcomes, peak, faults } = await fuzz(target, { seed: 8, count });
    expect(faults).toEqual([]);
    expect(tried).toBe(count);
    expect(outcomes).toBeGreaterThan(2);
    expect(peak).toBeLessThan(700 * 2 ** 20);
  },
  600_000,
);
