// The app's server and answers of modified clients.
import { execFile } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { FLOWER, PYTHON } from './flower-python.ts';

interface Guarded {
  readonly moved: number;
  readonly name: string;
  readonly claimed: number | null;
  readonly examples: number;
  readonly clipped: number | null;
}

describe('hostile clients', FLOWER, () => {
  let folder: string;
  // biome-ignore lint/suspicious/noExplicitAny: output of the script
  let result: any;
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'thaw-hostile-clients-'));
    const app = join(folder, 'app');
    cpSync('templates/flower', app, { recursive: true });
    const script = resolve('test/node/commands/hostile_clients.py');
    const { stdout } = await promisify(execFile)(PYTHON!, ['-W', 'ignore', script, app, folder], { timeout: 120_000 });
    result = JSON.parse(stdout.trim().split('\n').at(-1)!.replaceAll('Infinity', '1e999'));
  }, 150_000);
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  test.each<[string, RegExp]>([
    ['none', /^gave no answer in time$/],
    ['failed', /^the state\ufffd\[2J is of another model\. Give that one$/],
    ['shape', /"fc\.bias" has the shape \(2,\), not \(3,\)/],
    ['declared', /"fc\.bias" has the shape \(5, 3\), not \(3,\)/],
    ['type', /"fc\.bias" is float64, not float32/],
    ['type declared', /"fc\.bias" is int32, not float32/],
    ['nan', /"fc\.bias" has values that are not finite/],
    ['variance', /"fc\.bias" is a variance and has values below zero/],
    ['garbage', /"fc\.bias" is not an array of NumPy/],
    ['empty', /"fc\.bias" is not an array of NumPy/],
    ['huge', /"fc\.bias" has the shape \(1000000000000,\)/],
    ['deep', /"fc\.bias" is not an array of NumPy/],
    ['short', /"fc\.bias" has 11 bytes of numbers, not 12/],
    ['pickle', /"fc\.bias" is not an array of NumPy/],
    ['written', /"fc\.bias" written as torch\.\ufffd\[2J/],
    ['count inf', /num-examples is inf/],
    ['count nan', /num-examples is nan/],
    ['count text', /num-examples is 9, not a whole number/],
    ['count list', /num-examples is \[9\]/],
    ['count below', /num-examples is -9/],
    ['count part', /num-examples is 0\.5/],
    ['count missing', /num-examples is missing/],
    ['held', /val-examples is inf/],
    ['score inf', /loss is inf, not a number up to 1e\+12/],
    ['score huge', /loss is 1e\+300/],
    ['score huge int', /loss is 1000/],
    ['score text', /loss is \ufffd\[2J/],
    ['score list', /loss is \[1\.0, /],
    ['score name', /a metric is called "\ufffd\]0;owned\ufffd"/],
    ['scores', /102 metrics, more than 64/],
    ['records', /without its metrics/],
    ['states', /without the state/],
    ['extra', /a state that has "\ufffd\[2J"/],
  ])('the server drops a client with an invalid answer and gives the reason: %s', (name, why) => {
    const [[honest, dropped], same] = result.faults[name];
    expect(honest).toBeNull();
    expect(dropped).toMatch(why);
    expect(dropped.length).toBeLessThanOrEqual(300);
    expect(same).toBe(true);
  });

  test('the list of cases is complete', () => expect(Object.keys(result.faults)).toHaveLength(33));

  test('an answer that Flower cannot read is an error of its client only', () => {
    expect(result.unreadable).toEqual([1, [null, expect.stringMatching(/cannot be read: ValueError .*\ufffd\[2J$/)]]);
  });

  test('the number of examples counts up to twice the median', () => {
    const { count, 'count unlimited': unlimited, honest } = result.guards as Record<string, Guarded>;
    expect(honest).toMatchObject({ claimed: null, examples: 7, clipped: null });
    // The median of 7, 9 and 10¹⁸ is 9.
    expect(count).toMatchObject({ claimed: 1e18, examples: 18 });
    // Without the limit, the mean is that client's update.
    expect(unlimited.moved).toBeCloseTo(result.lengths[1], 5);
  });

  test('the norm of an update is at most the median norm; guard median averages by the median', () => {
    const { far, 'far median': median, 'far unlimited': unlimited } = result.guards as Record<string, Guarded>;
    expect(far.clipped).toBeLessThan(1e-29);
    expect(far.moved).toBeLessThan(Math.max(...result.lengths));
    expect(median.moved).toBeLessThan(2 * Math.max(...result.lengths));
    expect(unlimited.moved).toBeGreaterThan(1e20);
  });

  test('names have no control sequences', () => {
    expect(result.guards.far.name).toBe('\ufffd[2Jodd\ufffd');
  });

  test('refuses invalid settings', () => {
    expect(result.refusals).toEqual([
      expect.stringContaining('guard is "trust"'),
      expect.stringContaining('clip-factor is 0'),
      expect.stringContaining('count-factor is 0.5'),
      expect.stringContaining('noise-multiplier is nan'),
      expect.stringContaining('guard is median'),
      expect.stringContaining('fedadam'),
    ]);
  });

  test('a score that one client lacks is only missing for that client', () => {
    expect(result.means).toEqual({ loss: 0.5, more: 1, 'val-examples': 4, 'val-loss': 1 });
    // Flower needs the same scores from all clients.
    expect(result.common).toEqual(Array(2).fill(['num-examples', 'val-examples', 'val-loss']));
  });

  test('the noise has the standard deviation that the largest share needs', () => {
    // 10⁶ · 10⁻³ · 9/16, from 30,000 draws.
    expect(result.noise / 562.5).toBeCloseTo(1, 1.5);
  });

  test('the server keeps the states of the last rounds; restoring an earlier one removes the later ones', () => {
    expect(result['kept states']).toEqual([[3, 4], [3], 4]);
  });

  test('the checks only need NumPy', () => expect(result['without flower']).toBe(true));
});
