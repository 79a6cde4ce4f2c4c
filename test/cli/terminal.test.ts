import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';

import { type BarState, progressLine, sparkline } from '../../src/cli/terminal/bar.ts';
import { printable, printableLine } from '../../src/cli/terminal/printable.ts';
import { readableJson } from '../../src/cli/terminal/readable-json.ts';
import { exhibitLines } from '../../src/cli/terminal/report-blocks.ts';
import { coloursOf, columnsOf, fitted, joined, padded, styled, wrapped } from '../../src/cli/terminal/styled.ts';
import { tableLines } from '../../src/cli/terminal/table.ts';
import { Terminal } from '../../src/cli/terminal/terminal.ts';
import { TrainingDisplay } from '../../src/cli/terminal/training.ts';
import { shortened } from '../../src/graphemes.ts';
import { quoted } from '../../src/node/commands/paths.ts';
import { assess, classification } from '../../src/tasks/index.ts';
import type { StopReason } from '../../src/training/index.ts';

const plain = coloursOf(false);
const bright = coloursOf(true);
const state: BarState = {
  stage: 2,
  stages: 3,
  epoch: 4,
  epochs: 10,
  step: 6,
  steps: 12,
  loss: 0.3141,
  metric: '90.0%',
  noun: 'image',
  speed: 52.4,
  left: 95,
};

describe('the progress line', () => {
  test('shows everything if the terminal is wide enough', () => {
    const line = String(progressLine(state, 120, plain));
    expect(line).toMatch(
      /^epoch 4\/10 {2}━+─+ {2}stage 2\/3 {2}6\/12 {2}loss 0\.314 {2}90\.0% {2}52 images\/s {2}1.min.35.s left$/,
    );
    const [bar] = /[━╸─]+/.exec(line)!;
    expect(bar.match(/━/g)!.length).toBe(bar.length / 2);
  });

  test.each([100, 80, 60, 40, 24, 20])('fits %i columns, and drops the epoch last', (width) => {
    const line = String(progressLine(state, width, plain));
    expect(line.length).toBeLessThanOrEqual(width);
    expect(line).toMatch(/^epoch 4\/10/);
  });

  test('shows the evaluation after the last step', () => {
    expect(String(progressLine({ ...state, step: 12 }, 120, plain))).toContain('evaluating');
  });
});

test('JSON has one line for each list of numbers', () => {
  const value = {
    a: [
      [1, 0],
      [Number.NaN, 2],
    ],
    b: [],
    c: {},
    d: undefined,
    e: [{ f: 'x"', g: null }],
    h: ['y'],
  };
  const text = readableJson(value);
  expect(JSON.parse(text)).toEqual(JSON.parse(JSON.stringify(value)));
  expect(text.split('\n').slice(0, 5)).toEqual(['{', '  "a": [', '    [1,0],', '    [null,2]', '  ],']);
});

test('a list is written entry by entry, as one document', async () => {
  const written: string[] = [];
  const stdout = { write: (text: string) => written.push(text) };
  const terminal = new Terminal({ json: true, stdout, stderr: stdout, env: {} });
  async function* values(...entries: unknown[]) {
    for (const entry of entries)
      if (entry instanceof Error) throw entry;
      else yield entry;
  }
  await terminal.printJsonList(values({ a: 1 }, { a: [2, 3] }));
  expect(written.length).toBeGreaterThan(2);
  expect(written.join('')).toBe('[\n  {\n    "a": 1\n  },\n  {\n    "a": [2,3]\n  }\n]\n');
  written.length = 0;
  await terminal.printJsonList(values());
  expect(written.join('')).toBe('[]\n');
  written.length = 0;
  await expect(terminal.printJsonList(values({ a: 1 }, new Error('no')))).rejects.toThrow('no');
  expect(JSON.parse(written.join(''))).toEqual([{ a: 1 }]);
  written.length = 0;
  await expect(terminal.printJsonList(values(new Error('no')))).rejects.toThrow('no');
  expect(written).toEqual([]);
});

test('tables with many rows show the weakest, and where all are', () => {
  const classes = Array.from({ length: 100 }, (_, i) => `class ${i}`);
  const outcomes = classes.map((_, label) => {
    const predicted = label === 77 ? 0 : label;
    return {
      index: label,
      label,
      predicted,
      probabilities: Float32Array.from(classes, (_, c) => Number(c === predicted)),
    };
  });
  const lines = exhibitLines(classification(classes).reportBlocks(assess(outcomes, classes, 0, 0), outcomes), 80);
  const start = lines.findIndex((line) => line.startsWith('class '));
  expect(lines[start + 1]).toMatch(/^class 77 /);
  expect(lines[start + 41]).toBe('… and 60 more with better scores (--json prints all)');
  expect(lines.length).toBeLessThan(60);
});

test('a sparkline spans from the lowest to the highest level', () => {
  expect(sparkline([0, 1, 2, 3, 4, 5, 6, 7], 8)).toBe('▁▂▃▄▅▆▇█');
  expect(
    sparkline(
      Array.from({ length: 100 }, (_, i) => i),
      10,
    ),
  ).toHaveLength(10);
  expect(sparkline([1, 1, 1], 5)).toBe('▁▁▁');
});

/** Texts and their width in columns. */
const WIDTHS: [text: string, columns: number][] = [
  ['abc', 3],
  ['红色的花', 8],
  ['ひらがな', 8],
  ['カタカナ', 8],
  ['ｶﾀｶﾅ', 4],
  ['한국어', 6],
  ['\u1112\u1161\u11ab', 2],
  ['e\u0301te\u0301', 3],
  ['ก\u0e49', 1],
  ['👩‍👩‍👧‍👦', 2],
  ['👍🏽', 2],
  ['🇨🇭🇯🇵', 4],
  ['❤️', 2],
  ['größe λ', 7],
];

describe('columns', () => {
  test.each(WIDTHS)('%j takes %i columns', (text, columns) => {
    expect(columnsOf(text)).toBe(columns);
    expect(columnsOf(bright.red(bright.bold(text)))).toBe(columns);
    expect(columnsOf(padded(text, 10))).toBe(10);
    expect(String(padded(text, 10, 'start'))).toBe(' '.repeat(10 - columns) + text);
    expect(String(padded(text, 1))).toBe(text);
  });

  test('tables are aligned in any script', () => {
    const lines = tableLines([['class', 'right'], ...WIDTHS.map(([text]): [string, string] => [text, text])], {
      rule: true,
    });
    expect(lines.map(columnsOf)).toEqual(lines.map(() => 8 + 2 + 8));
    expect(
      tableLines([
        ['a\nb', '1'],
        ['c', 'd\te'],
      ]),
    ).toEqual(['a b    1', 'c    d e']);
    expect(tableLines([])).toEqual([]);
  });

  test.each([...WIDTHS, [WIDTHS.map(([text]) => text).join(''), 57]])('%j is cut between its characters', (text) => {
    const whole = [...new Intl.Segmenter('en').segment(text)].map(({ segment }) => segment);
    for (let width = 1; width <= columnsOf(text) + 1; width++) {
      const cut = fitted(bright.cyan(text), width);
      expect(columnsOf(cut)).toBeLessThanOrEqual(width);
      if (width >= columnsOf(text)) expect(String(cut)).toBe(text);
      else {
        const kept = String(cut).slice(0, -1);
        expect(String(cut).at(-1)).toBe('…');
        expect(whole.map((_, i) => whole.slice(0, i).join('').trimEnd())).toContain(kept);
        // A wide character can leave one column free.
        expect(columnsOf(cut)).toBeGreaterThanOrEqual(width - 2);
      }
    }
    expect(shortened(text, whole.length)).toBe(text);
    expect(shortened(text, whole.length - 1)).toBe(
      whole.length > 1 ? `${whole.slice(0, -2).join('')}…` : text.length > 0 ? '…' : '',
    );
  });

  test('a colour ends at the cut of a text', () => {
    expect(fitted(bright.red('abcdef'), 4).coloured).toBe(`${bright.red('abc').coloured}…`);
    expect(fitted(styled`ab ${bright.red('cdef')} gh`, 4).coloured).toBe('ab…');
    expect(fitted(bright.red('abcdef'), 6).coloured).toBe(bright.red('abcdef').coloured);
  });

  test('the progress line counts columns', () => {
    const line = progressLine({ ...state, metric: '精度 90%' }, 60, plain);
    expect(columnsOf(line)).toBe(60);
  });
});

describe('a text that is too wide', () => {
  const lines = (...given: Parameters<typeof wrapped>) => wrapped(...given).map(String);

  test('breaks between words', () => {
    expect(lines('one two three four', 9)).toEqual(['one two', 'three', 'four']);
    expect(lines('', 9)).toEqual(['']);
  });

  test('breaks between its parts first, and keeps its indents', () => {
    expect(lines('  a b  c d  e f', 11, 4)).toEqual(['  a b  c d', '    e f']);
    expect(lines('note  one two three', 14, 6)).toEqual(['note  one two', '      three']);
    expect(lines('x abcdefghijkl y', 6, 2)).toEqual(['x', '  abcdefghijkl', '  y']);
  });

  test('keeps its colours, also within a word', () => {
    const text = styled`one ${bright.red('two three')}, four`;
    expect(wrapped(text, 8).map((line) => line.coloured)).toEqual([
      `one ${bright.red('two').coloured}`,
      `${bright.red('three').coloured},`,
      'four',
    ]);
  });

  test('is printed on several lines of a terminal, and on one line of a file', () => {
    const written = (isTTY: boolean) => {
      let text = '';
      const sink = { isTTY, columns: 20, write: (part: string) => (text += part) };
      new Terminal({ json: false, stdout: sink, stderr: sink, env: {} }).print(
        '  a text of more\nthan one line, and long',
      );
      return text;
    };
    expect(written(true)).toBe('  a text of more\nthan one line, and\n  long\n');
    expect(written(false)).toBe('  a text of more\nthan one line, and long\n');
  });

  test('a wide table continues below with its first column', () => {
    const rows = [
      ['class', 'right', 'wrong'],
      ['a', '1', '2'],
    ];
    expect(tableLines(rows, { width: 15 })).toEqual([
      'class  right',
      'a          1',
      '',
      'class  wrong',
      'a          2',
    ]);
    expect(tableLines(rows, { width: 20 })).toHaveLength(2);
  });
});

test('an epoch that was resumed after its last step has no speed', () => {
  let output = '';
  const sink = { write: (text: string) => (output += text) };
  const display = new TrainingDisplay(new Terminal({ json: false, stdout: sink, stderr: sink, env: {} }));
  const scores = { loss: 1, accuracy: 0.5 };
  const row = { epoch: 1, stage: 1, trainable: 1, lr: 0.1, train: scores, val: scores, seconds: 2 };
  display.show({ type: 'epoch', best: true, ...row });
  expect(output).toMatch(/epoch 1\/0 .* 2\.0.s {2}best\n$/);
  expect(output).not.toContain('NaN');
});

test('the JSON line of the evaluation before training has its numbers, and no list of classes', () => {
  let output = '';
  const stdout = { write: (text: string) => (output += text) };
  const display = new TrainingDisplay(new Terminal({ json: true, stdout, stderr: { write: () => 0 }, env: {} }));
  const scores = { precision: 0, recall: 0, f1: 0, support: 1 };
  const val = {
    ...{ loss: Number.NaN, accuracy: 0.5, top5: 1, f1: 0.25 },
    ...{ perClass: [{ label: 'a', ...scores }], confusion: [[1]] },
  };
  display.show({ type: 'before', val });
  expect(JSON.parse(output)).toEqual({ type: 'before', val: { loss: null, accuracy: 0.5, top5: 1, f1: 0.25 } });
});

test('paths are quoted for a shell only if needed', () => {
  expect(quoted('runs/cats-1')).toBe('runs/cats-1');
  expect(quoted("my cat's")).toBe("'my cat'\\''s'");
});

describe('a terminal', () => {
  const spy = (isTTY: boolean) => {
    const texts: string[] = [];
    return { texts, isTTY, columns: 40, write: (text: string) => texts.push(text) };
  };

  test('draws status lines only on a terminal, and clears them before other lines', () => {
    const watched = spy(true);
    const terminal = new Terminal({ json: false, stdout: watched, stderr: spy(true), env: { NO_COLOR: '1' } });
    terminal.status('half way');
    terminal.print('done');
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
  ])('terminal %s with %j has colours: %s', (isTTY, env, expected) => {
    const { colours } = new Terminal({ json: false, stdout: spy(isTTY), stderr: spy(isTTY), env });
    expect(colours.red('x').coloured !== 'x').toBe(expected);
  });

  test('keeps stdout for JSON with --json', () => {
    const [stdout, stderr] = [spy(true), spy(true)];
    const terminal = new Terminal({ json: true, stdout, stderr, env: {} });
    terminal.print('for people');
    terminal.printJsonLine({ a: 1 });
    expect(stdout.texts).toEqual(['{"a":1}\n']);
    expect(stderr.texts).toEqual(['for people\n']);
  });
});

test.each([
  [4, 1, /bottleneck: the stage spent 80% of its time reading images; smaller files load faster/],
  [0.5, 4.5, /^((?!bottleneck).)*$/s],
  [0.3, 0.1, /^((?!bottleneck).)*$/s],
])(
  'a stage reports a bottleneck, if there is one, after waiting %f s and computing %f s',
  (waited, computed, expected) => {
    let output = '';
    const sink = { write: (text: string) => (output += text) };
    const display = new TrainingDisplay(new Terminal({ json: false, stdout: sink, stderr: sink, env: {} }));
    const step = { epoch: 1, steps: 2, loss: 1, sofar: { loss: 1, accuracy: 0.5 }, lr: 0.1, samples: 4 };
    for (const number of [1, 2])
      display.show({ type: 'step', step: number, ...step, waited: waited / 2, computed: computed / 2 });
    const fault = { epoch: 1, step: 2, seen: 'training', reason: 'exploded', loss: 99, lr: 0.1, to: 0.05 } as const;
    display.show({ type: 'rollback', ...fault, message: 'back to the start' });
    display.show({ type: 'finding', finding: 'labels', epoch: 1, message: 'labels don’t match' });
    expect(output).toMatch(/ {2}.*back to the start.*\n {2}.*labels don’t match.*\n$/);
    const scores = { before: { loss: 1, accuracy: 0.25 }, after: { loss: 0.5, accuracy: 0.75 } };
    display.show({ type: 'stage-end', stage: 1, seconds: waited + computed, why: 'finished', ...scores });
    expect(output).toMatch(expected);
  },
);

/** Hostile file names, and their printed form. */
const HOSTILE: [name: string, shown: string][] = [
  ['\u001b]0;owned\u0007 cat', '\ufffd]0;owned\ufffd cat'],
  ['\u001b[2J\u001b[1mbold\u001b[22m', '\ufffd[2J\ufffd[1mbold\ufffd[22m'],
  ['\u001b[8mhidden\u001b[0m', '\ufffd[8mhidden\ufffd[0m'],
  ['\u001b[38;5;0m\u009b8mx', '\ufffd[38;5;0m\ufffd8mx'],
  ['a\rb\u009bc\u202egnp', 'a\ufffdb\ufffdc\ufffdgnp'],
  ['日本語 x', '日本語 x'],
];

describe('a name from a file', () => {
  const written = (use: (terminal: Terminal) => void): string => {
    let text = '';
    const sink = { isTTY: true, columns: 200, write: (part: string) => (text += part) };
    use(new Terminal({ json: false, stdout: sink, stderr: sink, env: { FORCE_COLOR: '1' } }));
    return text;
  };

  test.each(HOSTILE)('%j reaches a terminal as %j', (name, shown) => {
    expect(printable(name)).toBe(shown);
    // On one line, a carriage return becomes a space.
    const line = printableLine(name);
    expect(line).toBe(shown.replace('a\ufffd', 'a '));
    const red = `\u001b[31m${line}\u001b[39m`;
    expect(written((terminal) => terminal.print(name))).toBe(`${shown}\n`);
    expect(written((terminal) => terminal.print(terminal.colours.red(name)))).toBe(`${red}\n`);
    expect(written((terminal) => terminal.print(styled`a ${name} ${terminal.colours.red(name)}`))).toBe(
      `a ${line} ${red}\n`,
    );
    expect(written((terminal) => terminal.print(joined([name, padded(name, 1)], ',')))).toBe(`${line},${line}\n`);
    expect(written((terminal) => terminal.print(tableLines([[name, '1']]).join('\n')))).toBe(`${line}  1\n`);
    expect(written((terminal) => terminal.status(name))).toBe(`\r${line}\u001b[K`);
    const json = written((terminal) => terminal.printJson({ [name]: name }));
    expect(JSON.parse(json)).toEqual({ [name]: name });
    expect(printable(json)).toBe(json);
  });

  test('multi-line text keeps tabs and line breaks', () => {
    expect(printable('日本語\tx\ny')).toBe('日本語\tx\ny');
  });
});

test('coloured text appears only in tagged templates, because plain strings would lose the colour', () => {
  const files = readdirSync('src/cli', { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts'));
  const lines = files.flatMap((file) => readFileSync(`src/cli/${file}`, 'utf8').split('\n'));
  const colourful = lines.filter((line) => /\$\{[\w.]*\b(?:c|colours)\.\w+\(/.test(line));
  expect(colourful.length).toBeGreaterThan(15);
  expect(colourful.filter((line) => !/styled`.*\$\{[\w.]*\b(?:c|colours)\./.test(line))).toEqual([]);
});

test.each<[StopReason, said: boolean]>([
  ['minutes', true],
  ['finished', false],
])('a training that ends by %s reports the time limit: %s', (why, said) => {
  let output = '';
  const sink = { write: (text: string) => (output += text) };
  const display = new TrainingDisplay(new Terminal({ json: false, stdout: sink, stderr: sink, env: {} }));
  display.show({ type: 'end', why, best: { epoch: 1, loss: 1, accuracy: 0.5 } });
  expect(output.includes('the time limit is reached')).toBe(said);
});
