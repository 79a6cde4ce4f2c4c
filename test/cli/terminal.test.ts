import { createColors } from 'picocolors';
import { describe, expect, test } from 'vitest';
import { wrapped } from '../../src/cli/help.ts';
import { type BarState, progressLine, sparkline } from '../../src/cli/terminal/bar.ts';
import { printable } from '../../src/cli/terminal/printable.ts';
import { fitted, Terminal, visibleLength } from '../../src/cli/terminal/terminal.ts';
import { TrainingDisplay } from '../../src/cli/terminal/training.ts';
import { quoted } from '../../src/jobs/paths.ts';

const plain = createColors(false);
const state: BarState = {
  stage: 2,
  stages: 3,
  epoch: 4,
  epochs: 10,
  step: 6,
  steps: 12,
  loss: 0.3141,
  metric: '90.0%',
  noun: 'picture',
  speed: 52.4,
  left: 95,
};

describe('the progress line', () => {
  test('has everything where there is room', () => {
    const line = progressLine(state, 120, plain);
    expect(line).toMatch(
      /^epoch 4\/10 {2}━+─+ {2}stage 2\/3 {2}6\/12 {2}loss 0\.314 {2}90\.0% {2}52 pictures\/s {2}1.min.35.s left$/,
    );
    const [bar] = /[━╸─]+/.exec(line)!;
    expect(bar.match(/━/g)!.length).toBe(bar.length / 2);
  });

  test.each([100, 80, 60, 40, 24, 20])('fits %i columns, the epoch last of all to go', (width) => {
    const line = progressLine(state, width, plain);
    expect(line.length).toBeLessThanOrEqual(width);
    expect(line).toMatch(/^epoch 4\/10/);
  });

  test('says that it evaluates when the steps are done', () => {
    expect(progressLine({ ...state, step: 12 }, 120, plain)).toContain('evaluating');
  });
});

test('a sparkline goes from the lowest to the highest level', () => {
  expect(sparkline([0, 1, 2, 3, 4, 5, 6, 7], 8)).toBe('▁▂▃▄▅▆▇█');
  expect(
    sparkline(
      Array.from({ length: 100 }, (_, i) => i),
      10,
    ),
  ).toHaveLength(10);
  expect(sparkline([1, 1, 1], 5)).toBe('▁▁▁');
});

test('text is cut by what is seen of it', () => {
  const red = createColors(true).red('abcdef');
  expect(visibleLength(red)).toBe(6);
  expect(fitted(red, 6)).toBe(red);
  expect(visibleLength(fitted(red, 4))).toBe(4);
  expect(fitted(red, 4)).toMatch(/\[39m…$/);
});

test('help is broken between words', () => {
  expect(wrapped('one two three four', 9)).toEqual(['one two', 'three', 'four']);
});

test('paths are quoted for a shell only where they need it', () => {
  expect(quoted('runs/cats-1')).toBe('runs/cats-1');
  expect(quoted("my cat's")).toBe("'my cat'\\''s'");
});

describe('a terminal', () => {
  const spy = (isTTY: boolean) => {
    const texts: string[] = [];
    return { texts, isTTY, columns: 40, write: (text: string) => texts.push(text) };
  };

  test('draws passing lines only where someone watches, and clears them before others', () => {
    const watched = spy(true);
    const terminal = new Terminal({ json: false, stdout: watched, stderr: spy(true), env: { NO_COLOR: '1' } });
    terminal.status('half way');
    terminal.say('done');
    expect(watched.texts).toEqual(['\rhalf way\x1b[K', '\r\x1b[K', 'done\n']);
    const piped = spy(false);
    new Terminal({ json: false, stdout: piped, stderr: spy(true), env: {} }).status('half way');
    expect(piped.texts).toEqual([]);
  });

  test.each([
    [true, {}, true],
    [true, { NO_COLOR: '1' }, false],
    [true, { TERM: 'dumb' }, false],
    [false, {}, false],
    [false, { FORCE_COLOR: '1' }, true],
  ])('watched %s with %j has colours: %s', (isTTY, env, expected) => {
    const { colours } = new Terminal({ json: false, stdout: spy(isTTY), stderr: spy(isTTY), env });
    expect(colours.red('x') !== 'x').toBe(expected);
  });

  test('keeps stdout for programs with --json', () => {
    const [stdout, stderr] = [spy(true), spy(true)];
    const terminal = new Terminal({ json: true, stdout, stderr, env: {} });
    terminal.say('for people');
    terminal.line({ a: 1 });
    expect(stdout.texts).toEqual(['{"a":1}\n']);
    expect(stderr.texts).toEqual(['for people\n']);
  });
});

test.each([
  [4, 1, /pictures are the bottleneck: 80% of the time/],
  [0.5, 4.5, /computing is the bottleneck: only 10% of the time/],
  [0.3, 0.1, /^((?!bottleneck).)*$/s],
])('waiting %f s and computing %f s, a stage says what holds it up', (waited, computed, expected) => {
  let said = '';
  const sink = { write: (text: string) => (said += text) };
  const display = new TrainingDisplay(new Terminal({ json: false, stdout: sink, stderr: sink, env: {} }));
  const step = { epoch: 1, steps: 2, loss: 1, sofar: { loss: 1, accuracy: 0.5 }, lr: 0.1, samples: 4 };
  for (const number of [1, 2])
    display.take({ type: 'step', step: number, ...step, waited: waited / 2, computed: computed / 2 });
  const fault = { epoch: 1, step: 2, seen: 'training', reason: 'exploded', loss: 99, lr: 0.1, to: 0.05 } as const;
  display.take({ type: 'rollback', ...fault, message: 'back to the start' });
  display.take({ type: 'finding', finding: 'labels', epoch: 1, message: 'labels don’t match' });
  expect(said).toMatch(/ {2}.*back to the start.*\n {2}.*labels don’t match.*\n$/);
  const scores = { before: { loss: 1, accuracy: 0.25 }, after: { loss: 0.5, accuracy: 0.75 } };
  display.take({ type: 'stage-end', stage: 1, seconds: waited + computed, why: 'finished', ...scores });
  expect(said).toMatch(expected);
});

test.each([
  ['\u001b]0;owned\u0007 cat', '\ufffd]0;owned\ufffd cat'],
  ['\u001b[2J\u001b[1mbold\u001b[22m', '\ufffd[2J\u001b[1mbold\u001b[22m'],
  ['a\rb\u009bc\u202egnp', 'a\ufffdb\ufffdc\ufffdgnp'],
  ['日本語\tx\ny', '日本語\tx\ny'],
])('a terminal gets colours and nothing else that it would obey: %j', (name, shown) => {
  expect(printable(name)).toBe(shown);
});
