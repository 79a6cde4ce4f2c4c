// `thaw clean` on files: wrong labels and duplicates are found, the data stays unchanged, and the new table trains.
import { createHash } from 'node:crypto';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openDataset } from '../../../src/data/node/index.ts';
import { clean, train } from '../../../src/node/commands/index.ts';
import { thaw } from '../../cli/streams.ts';
import { makeProject, type Project } from './project.ts';

let project: Project;
let out: string;
const before = process.env.THAW_CACHE;
beforeAll(async () => {
  project = await makeProject({ train: 14, val: 4 });
  out = join(project.folder, 'clean');
  process.env.THAW_CACHE = join(project.folder, 'cache');
  const { data } = project;
  // A wrong label, and a validation image that is also a training image.
  renameSync(join(data, 'train/blue/3.png'), join(data, 'train/red/wrong.png'));
  copyFileSync(join(data, 'train/green/5.png'), join(data, 'val/green/copy.png'));
  writeFileSync(join(data, 'train/green/broken.png'), 'no image');
});
afterAll(() => {
  if (before === undefined) delete process.env.THAW_CACHE;
  else process.env.THAW_CACHE = before;
  project.remove();
});

/** Everything that a change to a folder would change. */
const stateOf = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .sort()
    .map((name) => {
      const path = join(folder, name);
      const info = statSync(path);
      const content = info.isFile() ? createHash('sha256').update(readFileSync(path)).digest('hex') : 'folder';
      return `${name} ${info.mtimeMs} ${content}`;
    });

test('finds the wrong label and the leak, and changes nothing in the data', async () => {
  const { model, data } = project;
  const state = stateOf(data);
  const table = join(project.folder, 'tables/cleaned.csv');
  const found = await clean({ data, model, out, table, accept: ['wrong-label', 'leak'] });
  expect(stateOf(data)).toEqual(state);
  expect(found.ranking[0]).toMatchObject({ file: join(data, 'train/red/wrong.png'), predicted: 'blue', isIssue: true });
  expect(found.findings).toContainEqual(
    expect.objectContaining({
      kind: 'leak',
      file: join(data, 'train/green/5.png'),
      other: join(data, 'val/green/copy.png'),
    }),
  );
  expect(found.unusable).toBe(1);
  expect(readdirSync(out).sort()).toEqual(['issues.csv', 'issues.json', 'ranking.csv', 'report.html']);
  expect(JSON.parse(readFileSync(join(out, 'issues.json'), 'utf8')).findings).toEqual(found.findings);

  const cleaned = await openDataset(table);
  const files = cleaned.train.map(({ file, label }) => `${file.slice(data.length + 1)} ${cleaned.classes[label]}`);
  expect(files).toContain('train/red/wrong.png blue');
  expect(files).not.toContain('train/green/5.png green');
  expect(cleaned.val.length).toBe(13);
  const settings = { device: 'cpu', epochs: 1, trainable: 'head' } as const;
  await train({ model, data: table, out: join(project.folder, 'run'), settings });
  expect(existsSync(join(project.folder, 'run/model/onnx/model.onnx'))).toBe(true);
});

test('a second run reads the features from the cache, with the same result', async () => {
  const { model, data } = project;
  const request = { data, model, out };
  const first = await clean(request);
  expect(await clean(request)).toEqual(first);
  const cached = readdirSync(join(project.folder, 'cache/features'), { recursive: true }).length;
  expect(cached).toBeGreaterThan(50);
});

test('decisions saved from the page make the table', async () => {
  const { model, data } = project;
  const decisions = join(project.folder, 'decisions.json');
  const table = join(project.folder, 'decided.csv');
  const file = join(data, 'train/red/wrong.png');
  writeFileSync(
    decisions,
    JSON.stringify({ decisions: [{ kind: 'wrong-label', file, decision: 'accept', label: 'green' }] }),
  );
  const { table: written } = await clean({ data, model, out, table, decisions });
  expect(written!.rows).toBe(14 * 3 + 13);
  expect(readFileSync(table, 'utf8')).toContain(`${file},green,train\n`);
  const refused = (label: string, of = file) => {
    writeFileSync(decisions, JSON.stringify({ decisions: [{ kind: 'leak', file: of, decision: 'accept', label }] }));
    return clean({ data, model, out, table, decisions });
  };
  await expect(refused('pink')).rejects.toThrow('the data has no class "pink"');
  await expect(refused('red', 'other.png')).rejects.toThrow('the data has no other.png');
});

test.each([
  [{ accept: ['leak'] }, 'accept without table'],
  [{ table: 'a.csv' }, 'table without a choice of findings'],
  [{ table: 'a.xls', accept: ['all'] }, 'cannot write a table as a.xls'],
  [{ table: 'a.csv', accept: ['ugly'] }, 'unknown kind "ugly"'],
  [{ limits: { dark: -1 } }, 'dark is -1'],
  [{ folds: 1 }, 'folds is 1'],
])('%j is refused: %s', async (request, message) => {
  await expect(clean({ data: project.data, model: project.model, out, ...request })).rejects.toThrow(message);
});

test('outputs inside the data are refused', async () => {
  const { model, data } = project;
  await expect(clean({ data, model, out: join(data, 'clean') })).rejects.toThrow('is inside the data');
  expect(existsSync(join(data, 'clean'))).toBe(false);
});

test('numbers as labels: only the images are examined', async () => {
  const folder = join(project.folder, 'numbers');
  mkdirSync(folder);
  const rows = [0, 1, 2, 4, 5, 6].map((i) => {
    copyFileSync(join(project.data, `train/blue/${i}.png`), join(folder, `${i}.png`));
    return `${i}.png,${i / 2}`;
  });
  copyFileSync(join(folder, '0.png'), join(folder, 'copy.png'));
  writeFileSync(join(folder, 'metadata.csv'), ['file_name,weight', ...rows, 'copy.png,9', ''].join('\n'));
  const found = await clean({ data: folder, model: project.model, out, task: 'regression' });
  expect(found.ranking).toEqual([]);
  expect(found.findings.map(({ kind, file }) => `${kind} ${file.split('/').at(-1)}`)).toEqual(['conflict copy.png']);
});

test('the command prints a summary, and JSON', async () => {
  const { model, data } = project;
  const people = await thaw(['clean', data, '--model', model, '--out', out], 80);
  expect(people.code).toBe(0);
  expect(people.out).toMatch(/findings in \d+ images/);
  expect(people.out).toContain('train/red/wrong.png: looks like blue');
  const json = await thaw(['clean', data, '--model', model, '--out', out, '--json']);
  expect(JSON.parse(json.out).ranking[0].file).toBe(join(data, 'train/red/wrong.png'));
});
