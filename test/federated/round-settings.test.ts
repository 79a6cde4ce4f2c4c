import { expect, test } from 'vitest';
import { roundSettings } from '../../src/federated/round.ts';

test('a round trains all epochs that the machines agreed on, unless the settings say otherwise', () => {
  const of = (given: Parameters<typeof roundSettings>[0]) => roundSettings(given, undefined, undefined).settings;
  expect(of({})).toMatchObject({ preset: 'gradual', stopWhenPerfect: false });
  expect(of({ stopWhenPerfect: true }).stopWhenPerfect).toBe(true);
  expect(() => of({ preset: 'adaptive' })).toThrow('adaptive is not available in rounds');
});
