import { describe, expect, test } from 'vitest';
import { parseArguments } from '../../src/cli/command.ts';
import { command } from '../../src/cli/commands/sweep.ts';

/** The parsed values of `--try`. */
const read = (...given: string[]) =>
  parseArguments(command, ['model', 'data', ...given.flatMap((one) => ['--try', one])]).values.try;

describe('--try', () => {
  test('accepts lists and ranges of any setting, and can be repeated', () => {
    expect(
      read('lr=1e-4..1e-2:log', 'optimizer.weight-decay=0,.1', 'epochs=5..20:int', 'keep-head=true,false'),
    ).toEqual({
      lr: { min: 1e-4, max: 1e-2, scale: 'log', integer: false },
      'optimizer.weightDecay': [0, 0.1],
      epochs: { min: 5, max: 20, scale: 'linear', integer: true },
      keepHead: [true, false],
    });
    expect(read('batch=1..64:log:int', 'trainable=last:2,head')).toEqual({
      batch: { min: 1, max: 64, scale: 'log', integer: true },
      trainable: ['last:2', 'head'],
    });
  });

  test.each(['lr', 'lr=', '=3'])('refuses %s', (words) => {
    expect(() => read(words)).toThrow(/NAME=VALUES/);
  });
});
