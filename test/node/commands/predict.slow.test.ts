// `thaw predict` at work: long inputs, result files, a watch, and ends by Ctrl-C.
import { spawn } from 'node:child_process';
import { appendFileSync, copyFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { parse } from 'csv-parse/sync';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openPredictor } from '../../../src/node/commands/open-predictor.ts';
import { unlabelledGroups } from '../../../src/node/commands/unlabelled.ts';
import { predict, predictEach } from '../../../src/node/library/index.ts';
import { thaw } from '../../cli/streams.ts';
import { SIGNALS } from '../../needs.ts';
import { makeProject, type Project } from './project.ts';

let project: Project;
let val: string;
const LABELS = ['=1+1', 'b', 'c', 'd', 'e'];
const settings = { labels: LABELS, device: 'cpu' } as const;
const FLAGS = ['--labels', LABELS.join(','), '--device', 'cpu'];
const command = (...words: string[]) => thaw(['predict', project.model, ...words, ...FLAGS]);

beforeAll(async () => {
  project = await makeProject({ train: 1, val: 12 });
  val = join(project.data, 'val');
});
afterAll(() => project.remove());

describe('any number of images', () => {
  test('takes the same memory: an endless list is read only as far as it is predicted', async () => {
    const { predictor } = await openPredictor({ model: project.model, settings }, {});
    let lines = 0;
    const input = Readable.from(
      (function* () {
        for (;;) {
          lines++;
          yield `${join(val, 'red/0.png')}\n`;
        }
      })(),
    );
    const groups = unlabelledGroups({ images: ['-'] }, predictor.parts, { input, except: [] });
    for (let i = 0; i < 5; i++) expect((await groups.next()).value.samples).toHaveLength(16);
    expect(lines).toBeLessThan(200);
    await groups.return(undefined);
    await predictor.release();
  });

  test('is predicted in order, and equals single predictions', async () => {
    const each = [];
    for await (const prediction of predictEach({ model: project.model, images: [val], settings }))
      each.push(prediction);
    expect(each).toEqual(await predict({ model: project.model, images: [val], settings }));
    const names = ['blue', 'green', 'red'].flatMap((name) =>
      [0, 1, 10, 11, 2, 3, 4, 5, 6, 7, 8, 9].map((i) => join(val, name, `${i}.png`)),
    );
    expect(each.map(({ file }) => file)).toEqual(names);
    const [alone] = await predict({ model: project.model, images: [names[20]], settings });
    for (const label of LABELS) expect(alone.probabilities[label]).toBeCloseTo(each[20].probabilities[label], 5);
  });

  test('skips what is not an image, in every group, and a reader can leave', async () => {
    const text = join(project.folder, 'note.txt');
    writeFileSync(text, 'no image');
    const notices: string[] = [];
    const onEvent = (event: { type: string; message?: string }) => {
      if (event.type === 'notice') notices.push(event.message!);
    };
    const images = [text, val, text];
    const each = await predict({ model: project.model, images, settings }, { onEvent });
    expect(each).toHaveLength(36);
    expect(notices).toEqual([text, text].map((file) => `skipped ${file}: not an image`));
    await expect(predict({ model: project.model, images: [text], settings })).rejects.toThrow(/^not a usable image: /);
    await expect(predict({ model: project.model, images, settings, strict: true })).rejects.toThrow(text);
    for await (const { file } of predictEach({ model: project.model, images: [val], settings })) {
      expect(file).toBe(join(val, 'blue/0.png'));
      break;
    }
  });
});

describe('the best classes', () => {
  test('are shown below each other', async () => {
    const file = join(val, 'red/0.png');
    const { out } = await command(file, '--top', '3');
    const [{ probabilities }] = await predict({ model: project.model, images: [file], settings });
    const ranked = Object.entries(probabilities).sort(([, a], [, b]) => b - a);
    const lines = out.trimEnd().split('\n');
    expect(lines.map((line) => line.split(/\s+/)[0])).toEqual(ranked.slice(0, 3).map(([label]) => label));
    expect(lines[0]).toContain('red/0.png');
    expect((await command(file, '--top', '0')).err).toContain('top is 0');
  });
});

describe('a result file', () => {
  const rowsOf = (file: string) => parse(readFileSync(file, 'utf8'), { columns: true }) as Record<string, string>[];

  test('has a row for each image, in CSV or JSON lines, and the folder of the images can have it', async () => {
    const folder = join(project.folder, 'with-results');
    mkdirSync(folder);
    for (const i of [0, 1, 2]) copyFileSync(join(val, `red/${i}.png`), join(folder, `${i}.png`));
    const [csv, lines] = ['results.csv', 'results.jsonl'].map((name) => join(folder, name));
    const json = JSON.parse((await command(folder, '--json')).out) as Record<string, never>[];
    for (const _ of [1, 2]) {
      const { out, code } = await command(folder, '--out', csv, '--top', '2');
      expect([code, out]).toEqual([0, expect.stringMatching(/results\.csv {2}3 rows\n$/)]);
      expect(out).not.toContain('skipped');
    }
    await thaw(['predict', project.model, folder, '--out', lines, '--json', ...FLAGS]);
    expect(
      readFileSync(lines, 'utf8')
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line)),
    ).toEqual(json);
    const rows = rowsOf(csv);
    expect(Object.keys(rows[0])).toEqual(['file', 'time', 'label', 'probability', 'label_2', 'probability_2']);
    const plain = (label: string) => label.replace(/^'=/, '=');
    expect(rows.map(({ file, label, probability }) => [file, plain(label), Number(probability)])).toEqual(
      json.map(({ file, label, probability }) => [file, label, probability]),
    );
    expect(existsSync(`${csv}.part`)).toBe(false);
    expect((await command(folder, '--out', 'results.txt')).err).toContain(
      'results.txt ends in neither .csv nor .jsonl',
    );
  });

  test('gives spreadsheets no formula: names of files stay paths, and classes are texts', async () => {
    const name = '=HYPERLINK("x").png';
    const folder = join(project.folder, 'formulas');
    mkdirSync(folder);
    copyFileSync(join(val, 'red/0.png'), join(folder, name));
    const out = join(folder, 'results.csv');
    const before = process.cwd();
    process.chdir(folder);
    try {
      await thaw(['predict', project.model, name, '--out', out, '--top', '5', ...FLAGS]);
    } finally {
      process.chdir(before);
    }
    const [row] = rowsOf(out);
    expect(row.file).toBe(`./${name}`);
    expect(existsSync(join(folder, row.file))).toBe(true);
    expect([row.label, row.label_2, row.label_3, row.label_4, row.label_5]).toContain("'=1+1");
    expect(Object.values(row).filter((value) => /^[=+@]/.test(value))).toEqual([]);
  });

  test('keeps its rows as FILE.part if there is an error', async () => {
    const out = join(project.folder, 'partial.jsonl');
    const text = join(project.folder, 'bad.txt');
    writeFileSync(text, 'no image');
    const failed = await command(val, text, '--strict', '--out', out);
    expect(failed.code).toBe(2);
    expect(failed.out).toContain(`${out}.part has the first 32 rows`);
    expect(existsSync(out)).toBe(false);
    expect(readFileSync(`${out}.part`, 'utf8').split('\n')).toHaveLength(33);
    const json = await command(val, text, '--strict', '--json');
    const [list, error] = json.out.split(/(?<=\n]\n)/).map((document) => JSON.parse(document));
    expect(list).toHaveLength(32);
    expect(error).toMatchObject({ type: 'error', code: 'bad-data' });
  });
});

/** The command in its own process. */
function start(words: readonly string[]) {
  const child = spawn(process.execPath, [
    '--import',
    'tsx',
    'src/cli/main.ts',
    'predict',
    project.model,
    ...words,
    ...FLAGS,
  ]);
  let [out, err] = ['', ''];
  child.stdout.on('data', (text) => (out += text));
  child.stderr.on('data', (text) => (err += text));
  const until = async (text: string) => {
    while (!out.includes(text) && child.exitCode === null) await new Promise((wait) => setTimeout(wait, 50));
  };
  const ended = new Promise<{ code: number | null; out: string; err: string }>((resolve) =>
    child.on('close', (code) => resolve({ code, out, err })),
  );
  return { child, until, ended };
}

test('Ctrl-C keeps what is predicted', SIGNALS, async () => {
  const out = join(project.folder, 'stopped.csv');
  const { child, until, ended } = start(['-', '--out', out, '--json']);
  const file = join(val, 'red/0.png');
  child.stdin.write(`${file}\n`.repeat(20));
  await until('red/0.png');
  await new Promise((wait) => setTimeout(wait, 500));
  child.kill('SIGINT');
  const { code, out: printed, err } = await ended;
  expect(code).toBe(130);
  expect(err).toContain(`thaw: stopped; ${out}.part has the first 20 rows`);
  expect(readFileSync(`${out}.part`, 'utf8').trimEnd().split('\n')).toHaveLength(21);
  const [list, error] = printed.split(/(?<=\n]\n)/).map((document) => JSON.parse(document));
  expect(list).toHaveLength(20);
  expect(error).toMatchObject({ code: 'stopped', message: `${out}.part has the first 20 rows` });
});

test('a watch predicts new images until Ctrl-C, and appends to the result file', SIGNALS, async () => {
  const folder = join(project.folder, 'inbox');
  mkdirSync(folder);
  copyFileSync(join(val, 'red/0.png'), join(folder, 'first.png'));
  const out = join(folder, 'results.csv');
  const watch = async (name: string, image: string) => {
    const { child, until, ended } = start([folder, '--watch', '--out', out, '--json']);
    await until('first.png');
    copyFileSync(join(val, image), join(folder, name));
    await until(name);
    child.kill('SIGINT');
    return ended;
  };
  const { code, out: printed } = await watch('second.png', 'green/0.png');
  expect(code).toBe(0);
  expect(
    printed
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line).file),
  ).toEqual(['first.png', 'second.png'].map((name) => join(folder, name)));
  // A killed process can leave a part of a row.
  appendFileSync(out, `${folder}/sec`);
  await watch('third.png', 'blue/0.png');
  const rows = parse(readFileSync(out, 'utf8'), { columns: true }) as { file: string }[];
  expect(rows.map(({ file }) => file.slice(folder.length + 1))).toEqual([
    'first.png',
    'second.png',
    'first.png',
    'second.png',
    'third.png',
  ]);
  const other = await command(folder, '--watch', '--out', out, '--top', '2');
  expect(other.err).toContain('results.csv has other columns: file,time,label,probability');
});
