// Samples of requests as data sets, and errors that name an invalid sample.
import { describe, expect, test } from 'vitest';
import type { Preprocessing } from '../../src/data/index.ts';
import type { TextFormat } from '../../src/data/text/index.ts';
import type { DatasetReading } from '../../src/session/index.ts';
import { TASKS, type TaskName } from '../../src/tasks/index.ts';
import type { LabelledSample } from '../../src/worker/index.ts';
import { datasetOf } from '../../src/worker/samples.ts';

const IMAGES = {} as Preprocessing;
const TEXTS = { kind: 'text' } as TextFormat;
const image = new Blob();

interface Options extends Partial<Omit<DatasetReading, 'labels'>> {
  readonly format?: Preprocessing | TextFormat;
  readonly labels?: string[];
  readonly targets?: string[];
}

function read(task: TaskName, samples: readonly object[], { format = IMAGES, classes, labels, targets }: Options = {}) {
  const reading = { labels: TASKS[task].reads(targets), classes };
  return datasetOf(samples as LabelledSample[], format, reading, { labels, valFraction: 0.5, seed: 0 });
}

const labelled = (...labels: readonly string[]) => labels.map((label) => ({ image, label }));

describe('classes', () => {
  test('are the sorted names, and a part of each class is held out', () => {
    const { classes, train, val, test: tested } = read('classification', labelled('é', 'b', 'e\u0301', 'B', 'b', 'B'));
    expect(classes).toEqual(['B', 'b', 'é']);
    expect([train.length, val.length, tested.length]).toEqual([3, 3, 0]);
    expect(train.map(({ label }) => label).sort()).toEqual([0, 1, 2]);
    expect(val.map(({ label }) => label).sort()).toEqual([0, 1, 2]);
  });

  test('do not include _unknown, whose samples are examples of none of them', () => {
    const { classes, train, val, unknown } = read('classification', labelled('a', '_unknown', 'b', 'a', 'b'));
    expect(classes).toEqual(['a', 'b']);
    expect(train.length + val.length).toBe(4);
    expect(unknown).toEqual([{ file: '1', label: -1 }]);
  });

  test('keep the given order and the given splits', () => {
    const samples = labelled('a', 'b', 'a', 'b').map((one, i) => ({
      ...one,
      split: ['train', undefined, 'val', 'test'][i],
    }));
    const dataset = read('classification', samples, { labels: ['b', 'a'] });
    expect(dataset).toMatchObject({
      classes: ['b', 'a'],
      train: [
        { file: '0', label: 1 },
        { file: '1', label: 0 },
      ],
      val: [{ file: '2', label: 1 }],
      test: [{ file: '3', label: 0 }],
    });
  });

  test('of a model or a federation may have no samples', () => {
    const { classes, train, val } = read('classification', labelled('b', 'b'), { classes: ['a', 'b', 'c'] });
    expect([classes.length, train.length, val.length]).toEqual([3, 1, 1]);
  });

  test('of an embedding may appear in the validation set alone', () => {
    const samples = [...labelled('a', 'a', 'b', 'b'), { image, label: 'new', split: 'val' }];
    expect(read('embedding', samples).classes).toEqual(['a', 'b', 'new']);
    expect(() => read('classification', samples)).toThrow('class "new" is in val but not in train');
  });

  test('work for texts', () => {
    const samples = ['fine', 'poor'].flatMap((text) => [text, text].map((one) => ({ text: one, label: text })));
    expect(read('classification', samples, { format: TEXTS }).train[0]).toMatchObject({ text: 'fine', label: 0 });
  });
});

test('several labels become rows of 0 and 1', () => {
  const samples = [
    { image, labels: ['sea', 'sun'] },
    { image, labels: [] },
    { image, labels: ['sun'], split: 'val' },
  ];
  const { classes, train, val } = read('multi-label', samples);
  expect(classes).toEqual(['sea', 'sun']);
  expect([...train, ...val].map(({ targets }) => targets)).toEqual([
    [1, 1],
    [0, 0],
    [0, 1],
  ]);
});

test('numbers are in the order of their names, and targets select among them', () => {
  const samples = [1, 2].map((n) => ({ image, values: { b: n, a: -n }, split: n === 1 ? 'train' : 'val' }));
  expect(read('regression', samples)).toMatchObject({ classes: ['a', 'b'], train: [{ targets: [-1, 1] }] });
  expect(read('regression', samples, { labels: ['b', 'a'] }).train[0].targets).toEqual([1, -1]);
  expect(read('regression', samples, { targets: ['b'] })).toMatchObject({ classes: ['b'], train: [{ targets: [1] }] });
});

const good = { image, label: 'a' };
test.each<[string, TaskName, readonly object[], string, string, Options?]>([
  ['no samples', 'classification', [], 'there are no samples', 'Give some'],
  [
    'a text for images',
    'classification',
    [good, { text: 'x', label: 'a' }],
    'samples[1] has a text, and the model reads images',
    'Give { image: … }, or another model',
  ],
  [
    'an image for texts',
    'classification',
    [good],
    'samples[0] has an image, and the model reads texts',
    'Give { text: … }, or another model',
    { format: TEXTS },
  ],
  [
    'both',
    'classification',
    [{ ...good, text: 'x' }],
    'samples[0] has a text, and the model reads images',
    'Give { image: … }, or another model',
  ],
  ['neither', 'classification', [{ label: 'a' }], 'samples[0] has no image', 'Give { image: … }'],
  [
    'an empty text',
    'classification',
    [{ text: ' ', label: 'a' }],
    'samples[0] has an empty text',
    'Leave it out',
    { format: TEXTS },
  ],
  ['no label', 'classification', [good, { image }], 'samples[1] has no label', "Give each sample label: 'cat'"],
  ['an index', 'classification', [{ image, label: 0 }], 'samples[0] has the label 0', "Give each sample label: 'cat'"],
  [
    'a label that is unknown',
    'classification',
    labelled('a', 'b', 'c'),
    'samples[2] has the label "c", and there is no such class',
    'There are a, b',
    { labels: ['a', 'b'] },
  ],
  [
    'one class',
    'classification',
    labelled('a', 'a'),
    'the samples have only one class, "a"',
    'A model needs two classes or more to tell apart',
  ],
  [
    'a class without samples',
    'classification',
    labelled('a', 'a', 'b', 'b'),
    'class "c" has no samples',
    'Add some, or leave the class out',
    { labels: ['a', 'b', 'c'] },
  ],
  [
    'a class of one',
    'classification',
    labelled('a', 'a', 'b'),
    'class "b" has one sample, so that none can be held out for validation',
    "Add samples, or give some split: 'val'",
  ],
  [
    'a class that is named twice',
    'classification',
    labelled('a', 'a'),
    '"a" is named twice',
    'Give each class a name of its own',
    { labels: ['a', 'a'] },
  ],
  [
    'a class without a name',
    'classification',
    labelled('a', 'a'),
    'class 1 has no name',
    'Give each a name of its own',
    { labels: ['a', ' '] },
  ],
  [
    'a split',
    'classification',
    [{ ...good, split: 'holdout' }, ...labelled('b', 'b')],
    'samples[0] has the split "holdout"',
    'It must be train, val or test',
  ],
  [
    'labels for one class',
    'classification',
    [{ image, labels: ['a'] }],
    'samples[0] has labels, and the task takes label',
    "Give each sample label: 'cat', or choose another task",
  ],
  [
    'a label for numbers',
    'regression',
    [{ image, label: 'a' }],
    'samples[0] has label, and the task takes values',
    'Give each sample values: { weight: 4.1 }, or choose another task',
  ],
  [
    'no labels',
    'multi-label',
    [{ image }],
    'samples[0] has no labels',
    "Give each sample labels: ['sea', 'sun'], or an empty list if it has none of them",
  ],
  [
    'labels that are not names',
    'multi-label',
    [{ image, labels: [1] }],
    'samples[0] has the labels [1]',
    "Give each sample labels: ['sea', 'sun'], or an empty list if it has none of them",
  ],
  ['empty lists alone', 'multi-label', [{ image, labels: [] }], 'no sample has a label', 'Give some samples a label'],
  ['no values', 'regression', [{ image }], 'samples[0] has no values', 'Give each sample values: { weight: 4.1 }'],
  [
    'NaN',
    'regression',
    [{ image, values: { a: Number.NaN } }],
    'samples[0] has the value NaN for "a"',
    'Give a finite number',
  ],
  [
    'a number as text',
    'regression',
    [{ image, values: { a: '1' } }],
    'samples[0] has the value "1" for "a"',
    'Give a finite number',
  ],
  [
    'a value that is missing',
    'regression',
    [
      { image, values: { a: 1, b: 2 } },
      { image, values: { a: 1 } },
    ],
    'samples[1] has no value for "b"',
    'Give each sample all of a, b',
  ],
  [
    'a value that is unknown',
    'regression',
    [{ image, values: { a: 1, b: 2 } }],
    'samples[0] has a value for "b", and there is no such number',
    'There are a',
    { labels: ['a'] },
  ],
] as const)('%s: an error with a fix', (_, task, samples, message, hint, options) => {
  expect(() => read(task, samples, options)).toThrow(expect.objectContaining({ code: 'bad-data', message, hint }));
});
