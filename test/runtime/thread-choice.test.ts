import { describe, expect, it } from 'vitest';
import { quotaCores } from '../../src/runtime/node/cores.ts';
import { choiceLine, fastestThreads, threadCounts } from '../../src/runtime/thread-choice.ts';

describe('threadCounts', () => {
  it.each([
    [64, [32, 64, 8, 4]],
    [16, [8, 16, 4]],
    [12, [6, 12, 8, 4]],
    [8, [4, 8]],
    [2, [1, 2]],
  ])('%i cores', (cores, expected) => {
    expect(threadCounts(cores)).toEqual(expected);
  });
});

describe('fastestThreads', () => {
  /** A machine with these seconds per step, and a clock that runs with them. */
  const machine = (seconds: Readonly<Record<number, number>>, each = 1) => {
    let clock = 0;
    const asked: number[] = [];
    const choose = (cores: number) =>
      fastestThreads(
        cores,
        async (threads) => {
          asked.push(threads);
          clock += each;
          return seconds[threads];
        },
        () => clock,
      );
    return { asked, choose };
  };

  it('takes the fastest, and returns every measurement', async () => {
    const { choose } = machine({ 64: 0.9, 32: 0.5, 8: 0.7, 4: 1.1 });
    expect(await choose(64)).toEqual({
      chosen: 32,
      measured: [
        { threads: 32, seconds: 0.5 },
        { threads: 64, seconds: 0.9 },
        { threads: 8, seconds: 0.7 },
        { threads: 4, seconds: 1.1 },
      ],
    });
  });

  it('takes fewer threads if more gain nothing', async () => {
    expect((await machine({ 8: 1, 16: 0.99, 4: 1.01 }).choose(16)).chosen).toBe(4);
    expect((await machine({ 8: 1, 16: 0.99, 4: 1.1 }).choose(16)).chosen).toBe(8);
    expect((await machine({ 8: 1, 16: 0.9, 4: 1.02 }).choose(16)).chosen).toBe(16);
  });

  it('measures no more once that takes long', async () => {
    const slow = machine({ 32: 3, 64: 4, 8: 1, 4: 1 }, 15);
    expect((await slow.choose(64)).chosen).toBe(32);
    expect(slow.asked).toEqual([32, 64]);
    const slower = machine({ 32: 30, 64: 4 }, 150);
    expect((await slower.choose(64)).chosen).toBe(32);
    expect(slower.asked).toEqual([32]);
  });

  it('is one line for users', () => {
    const measured = [
      { threads: 8, seconds: 0.0817 },
      { threads: 4, seconds: 0.1234 },
    ];
    expect(choiceLine({ chosen: 8, measured })).toBe(
      '8 threads, the fastest number here (seconds of a step of the head: 8: 0.082, 4: 0.12); --threads sets it',
    );
  });
});

describe('quotaCores', () => {
  const from = (files: Readonly<Record<string, string>>) => quotaCores((path) => files[path]);
  const v1 = (quota: string) => ({
    '/sys/fs/cgroup/cpu/cpu.cfs_quota_us': `${quota}\n`,
    '/sys/fs/cgroup/cpu/cpu.cfs_period_us': '100000\n',
  });

  it.each([
    ['version 2', { '/sys/fs/cgroup/cpu.max': '250000 100000\n' }, 3],
    ['less than a core', { '/sys/fs/cgroup/cpu.max': '50000 100000\n' }, 1],
    ['version 2 without a limit', { '/sys/fs/cgroup/cpu.max': 'max 100000\n' }, undefined],
    ['version 1', v1('400000'), 4],
    ['version 1 without a limit', v1('-1'), undefined],
    ['no control groups', {}, undefined],
  ])('%s', (_, files, expected) => {
    expect(from(files)).toBe(expected);
  });
});
