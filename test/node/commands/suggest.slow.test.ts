// Suggestions of a whole run: what is chosen, what is left out, and where it goes.
import { copyFileSync, cpSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type JobEvent, suggest, train } from '../../../src/node/commands/index.ts';
import { thaw } from '../../cli/streams.ts';
import { makeProject, type Project } from './project.ts';

let project: Project;
let run: string;
let unlabelled: string;
const SETTINGS = { device: 'cpu', batch: 6, artifacts: false, preset: 'head-only', epochs: 2 } as const;

beforeAll(async () => {
  project = await makeProject();
  run = join(project.folder, 'run');
  await train({ model: project.model, data: project.data, out: run, settings: SETTINGS });
  // Other images, an image of the run, a copy, and something else.
  const others = await makeProject({ train: 12, val: 6 });
  unlabelled = join(project.folder, 'unlabelled');
  mkdirSync(unlabelled);
  for (const name of ['blue', 'green', 'red']) {
    for (const file of ['8.png', '9.png', '10.png', '11.png'])
      copyFileSync(join(others.data, 'train', name, file), join(unlabelled, `${name}-${file}`));
    copyFileSync(join(project.data, 'val', name, '0.png'), join(unlabelled, `${name}-labelled.png`));
  }
  copyFileSync(join(unlabelled, 'red-8.png'), join(unlabelled, 'zz.png'));
  writeFileSync(join(unlabelled, 'broken.png'), 'no image');
  others.remove();
});
afterAll(() => project.remove());

test.each(['combined', 'margin', 'uncertainty', 'diversity'] as const)('%s', async (strategy) => {
  const events: JobEvent[] = [];
  const request = { model: run, images: [unlabelled], count: 5, strategy };
  const found = await suggest(request, { onEvent: (event) => events.push(event) });
  expect(found).toMatchObject({
    strategy,
    candidates: 12,
    excluded: { labelled: 3, copies: 1 },
    task: 'classification',
  });
  const files = found.suggestions.map(({ file }) => file);
  expect(new Set(files).size).toBe(5);
  for (const file of files) expect(file).toMatch(/(blue|green|red)-(8|9|10|11)\.png$/);
  const reason = {
    combined: /typical of a group$/,
    margin: /^(between|blue|green|red)/,
    uncertainty: /of 1\)$/,
    diversity: /^far from all labelled and chosen ones \(distance \d/,
  };
  for (const suggestion of found.suggestions) expect(suggestion.reason).toMatch(reason[strategy]);
  expect(events).toContainEqual({ type: 'notice', message: expect.stringMatching(/^skipped .*broken\.png/) });
  expect((await suggest(request)).suggestions).toEqual(found.suggestions);
});

test('the smallest margins come first, with the classes of the prediction', async () => {
  const { suggestions } = await suggest({ model: run, images: [unlabelled], count: 12, strategy: 'margin' });
  const margins = suggestions.map(({ probabilities }) => {
    const [first, second] = Object.values(probabilities!);
    return first! - second!;
  });
  expect(margins).toEqual([...margins].sort((a, b) => a - b));
  const [{ probabilities, reason }] = suggestions as [(typeof suggestions)[0]];
  const [[first, p], [second, q]] = Object.entries(probabilities!) as [[string, number], [string, number]];
  expect(reason).toBe(`between ${first} and ${second}, ${p.toFixed(2)} to ${q.toFixed(2)}`);
});

test('a folder to sort, and a table that trains once it is filled in', async () => {
  const copy = join(project.folder, 'to-label');
  const csv = join(project.folder, 'tables', 'to-label.csv');
  const words = ['suggest', run, unlabelled, '--count', '10', '--copy', copy, '--csv', csv];
  const before = readdirSync(unlabelled);
  const { code, out } = await thaw([...words, '--json']);
  expect(code).toBe(0);
  const files = JSON.parse(out).suggestions.map(({ file }: { file: string }) => file);
  expect(readdirSync(unlabelled)).toEqual(before);
  const names = readdirSync(copy);
  expect(names.filter((name) => name.endsWith('.png'))).toHaveLength(10);
  expect(names).toEqual(expect.arrayContaining(['blue', 'green', 'red']));
  expect(readFileSync(join(copy, names.find((name) => name.startsWith('01-'))!))).toEqual(readFileSync(files[0]));
  const lines = readFileSync(csv, 'utf8').trim().split('\n');
  expect(lines[0]).toBe('file_name,label,reason');
  expect(lines).toHaveLength(11);
  expect(lines[1]).toMatch(/^\.\.\/unlabelled\/\w+-\d+\.png,,/);
  writeFileSync(csv, lines.map((line) => line.replace(/(blue|green|red)(-\d+\.png),,/, '$1$2,$1,')).join('\n'));
  const trained = await train({ model: run, data: csv, out: join(project.folder, 'next'), settings: SETTINGS });
  expect(trained.status).toBe('finished');
  // Labels of hours are not overwritten.
  const again = await thaw(words);
  expect([again.code, again.err]).toEqual([2, expect.stringContaining('to-label is not empty')]);
  const table = await thaw(['suggest', run, unlabelled, '--csv', csv]);
  expect([table.code, table.err]).toEqual([2, expect.stringContaining('to-label.csv exists already')]);
});

test('a model without a run leaves nothing out but copies', async () => {
  const shipped = join(project.folder, 'shipped');
  cpSync(join(run, 'model'), shipped, { recursive: true });
  const found = await suggest({
    model: shipped,
    images: [unlabelled],
    strategy: 'diversity',
  });
  expect(found).toMatchObject({ candidates: 15, excluded: { labelled: 0, copies: 1 } });
  expect(found.suggestions[0]!.reason).toBe('the most typical one');
  expect(found.suggestions[1]!.reason).toMatch(/^far from all chosen ones/);
});

test('a model for numbers has only diversity', async () => {
  const table = join(project.folder, 'prices-of-images.csv');
  const lines = ['train', 'val'].flatMap((split) =>
    ['blue', 'red'].flatMap((name) =>
      readdirSync(join(project.data, split, name)).map((file, i) => `images/${split}/${name}/${file},${i},${split}`),
    ),
  );
  writeFileSync(table, ['file_name,price,split', ...lines].join('\n'));
  const out = join(project.folder, 'numbers');
  await train({ task: 'regression', model: project.model, data: table, out, settings: SETTINGS });
  const found = await suggest({ model: out, images: [unlabelled], count: 3 });
  expect(found).toMatchObject({ strategy: 'diversity', candidates: 13, classes: ['price'] });
  await expect(suggest({ model: out, images: [unlabelled], strategy: 'margin' })).rejects.toThrow(
    'the strategy margin compares the probabilities of classes, and a model for regression has none',
  );
  const csv = join(project.folder, 'prices.csv');
  expect((await thaw(['suggest', out, unlabelled, '--csv', csv])).code).toBe(0);
  expect(readFileSync(csv, 'utf8')).toMatch(/^file_name,price\nunlabelled\/[\w-]+\.png,\n/);
});

test('several labels: the label that is nearest to its threshold', async () => {
  const table = join(project.folder, 'labels-of-images.csv');
  const lines = ['train', 'val'].flatMap((split) =>
    ['blue', 'green', 'red'].flatMap((name) =>
      readdirSync(join(project.data, split, name)).map((file) => `images/${split}/${name}/${file},${name},${split}`),
    ),
  );
  writeFileSync(table, ['file_name,labels,split', ...lines].join('\n'));
  const out = join(project.folder, 'several');
  await train({ task: 'multi-label', model: project.model, data: table, out, settings: SETTINGS });
  const { suggestions, strategy } = await suggest({ model: out, images: [unlabelled], count: 2 });
  expect(strategy).toBe('combined');
  for (const { reason } of suggestions)
    expect(reason).toMatch(/^(blue|green|red) at 0\.\d\d, with the threshold 0\.\d\d; typical of a group$/);
});

test('wrong requests', async () => {
  const refused = (request: object) => expect(suggest({ model: run, images: [unlabelled], ...request })).rejects;
  await refused({ count: 0 }).toThrow('count is 0');
  await refused({ strategy: 'margins' }).toThrow('unknown strategy "margins"');
  await refused({ settings: { tta: 'flip' } }).toThrow('suggestions use one view of each image');
  await refused({ images: [join(project.data, 'val')] }).toThrow('are in the data of the run already');
  expect(existsSync(join(project.folder, 'suggestions'))).toBe(false);
});
