// From texts in files to a finished model: a tiny encoder, a table, a run, and uses of its model.
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { env, pipeline } from '@huggingface/transformers';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readSafetensors } from '../../../src/compiler/step/index.ts';
import { openTexts } from '../../../src/data/node/index.ts';
import {
  exportRun,
  findLr,
  type JobEvent,
  merge,
  resume,
  type TrainingResult,
  train,
} from '../../../src/node/commands/index.ts';
import { evaluate, predict } from '../../../src/node/library/index.ts';
import { bytesOf, readModel } from '../../../src/onnx/index.ts';
import type { TrainingSettings } from '../../../src/session/index.ts';

const MODEL = 'test/fixtures/texts/bert';
const GOOD = ['wonderful', 'great', 'lovely', 'fine'];
const BAD = ['terrible', 'awful', 'boring', 'poor'];
const THINGS = ['the film', 'this phone', 'our dinner', 'the long book', 'a new song', 'the old hotel'];

/** Sentences of different lengths. One word decides the label. */
const rows = THINGS.flatMap((thing, t) =>
  [...GOOD, ...BAD].map((word, w) => ({
    text: (w + t) % 3 === 0 ? `${thing} was ${word}, and we left it, and the film was late` : `${thing} was ${word}`,
    label: w < GOOD.length ? 'good' : 'bad',
    split: t === 5 ? 'val' : 'train',
  })),
);
const SETTINGS: TrainingSettings = {
  device: 'cpu',
  batch: 8,
  lr: 0.03,
  pretrainedRate: 0.1,
  artifacts: false,
  stages: [
    { train: 'head', epochs: 3 },
    { train: 'last:2', epochs: 3 },
    { train: 'all', epochs: 8, lr: 0.01, pretrainedRate: 1 },
  ],
};

let folder: string;
let data: string;
let run: string;
let outcome: TrainingResult<'classification'>;
const events: JobEvent[] = [];

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'thaw-texts-'));
  data = join(folder, 'reviews.csv');
  writeFileSync(
    data,
    ['text,label,split', ...rows.map(({ text, label, split }) => `"${text}",${label},${split}`)].join('\n'),
  );
  run = join(folder, 'run');
  outcome = await train(
    { model: MODEL, data, out: run, settings: SETTINGS },
    { onEvent: (event) => events.push(event) },
  );
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const onnxOf = (path: string) => readFileSync(join(path, 'model', 'onnx', 'model.onnx'));

test('learns the label of a word, and writes reports about texts', () => {
  expect(outcome.after!.accuracy).toBeGreaterThan(0.8);
  expect(events.find(({ type }) => type === 'data')).toMatchObject({ noun: 'text', train: 40, val: 8 });
  expect(events.find(({ type }) => type === 'verified')).toMatchObject({ samples: 8 });
  const card = readFileSync(join(run, 'model', 'README.md'), 'utf8');
  expect(card).toContain("pipeline('text-classification'");
  expect(card).toContain('Tokenizer.from_file');
  expect(readFileSync(join(run, 'report.html'), 'utf8')).toContain('2 classes from 40 texts');
});

test('the run and its model folder give the same predictions and evaluations, in order', async () => {
  const texts = [
    'this phone was great',
    'our dinner was awful, and we left it, and the film was late',
    'a new song was fine',
  ];
  const file = join(folder, 'one.txt');
  writeFileSync(file, 'the old hotel was poor\n');
  for (const model of [run, join(run, 'model')]) {
    expect(await evaluate({ model, data })).toMatchObject({ accuracy: outcome.after!.accuracy });
    const predictions = await predict({ model, images: [...texts, file] });
    expect(predictions.map(({ text }) => text)).toEqual([...texts, 'the old hotel was poor\n']);
    expect(predictions.map(({ file }) => file)).toEqual(['argument 1', 'argument 2', 'argument 3', file]);
    for (const { probabilities } of predictions) expect(Object.keys(probabilities)).toEqual(['bad', 'good']);
  }
});

test('transformers.js gives the same predictions', async () => {
  env.allowRemoteModels = false;
  env.localModelPath = '/';
  const classify = await pipeline('text-classification', resolve(run, 'model'));
  const texts = rows.slice(0, 12).map(({ text }) => text);
  const theirs = (await classify(texts)) as { label: string; score: number }[];
  const ours = await predict({ model: run, images: texts });
  expect(theirs.map(({ label }) => label)).toEqual(ours.map(({ label }) => label));
  for (const [i, { score }] of theirs.entries()) expect(score).toBeCloseTo(ours[i].probability, 5);
});

test('caching the features of texts changes no byte', async () => {
  const off = join(folder, 'off');
  await train({ model: MODEL, data, out: off, settings: { ...SETTINGS, cache: 'off' } });
  expect(onnxOf(off).equals(onnxOf(run))).toBe(true);
});

test.each([3, 27])('stopped after step %i and resumed equals an uninterrupted run', async (at) => {
  const out = join(folder, `stopped ${at}`);
  const controller = new AbortController();
  let steps = 0;
  const onEvent = ({ type }: JobEvent) => type === 'step' && ++steps === at && controller.abort();
  await train({ model: MODEL, data, out, settings: SETTINGS }, { signal: controller.signal, onEvent });
  expect(await resume(out)).toMatchObject({ status: 'finished' });
  expect(onnxOf(out).equals(onnxOf(run))).toBe(true);
});

test('continues with a new class, exports to float16, and finds a learning rate', async () => {
  const more = join(folder, 'more.jsonl');
  const late = THINGS.map((thing) => ({ text: `${thing} was late`, label: 'late' }));
  writeFileSync(more, [...rows, ...late].map((row) => JSON.stringify({ ...row, split: undefined })).join('\n'));
  const out = join(folder, 'second');
  await train({ model: run, data: more, out, settings: SETTINGS });
  expect(JSON.parse(readFileSync(join(out, 'record.json'), 'utf8')).continued).toEqual({
    kept: ['bad', 'good'],
    added: ['late'],
    removed: [],
  });
  const { verification } = await exportRun({ run, form: 'fp16' });
  expect(verification!.maxDifference).toBeLessThan(0.02);
  const { points } = await findLr({ model: MODEL, data, steps: 10, settings: { ...SETTINGS, batch: 16 } });
  expect(points.length).toBeGreaterThan(2);
});

test('balances classes, and does not blend texts', async () => {
  const few = join(folder, 'few.csv');
  const some = rows.filter(({ label, text }) => label === 'good' || text.includes('phone'));
  writeFileSync(few, ['text,label', ...some.map(({ text, label }) => `"${text}",${label}`)].join('\n'));
  const request = { model: MODEL, data: few, out: join(folder, 'balanced') };
  const stages = [{ train: 'head', epochs: 1 }];
  expect(await train({ ...request, settings: { ...SETTINGS, stages, sampling: 'balanced' } })).toMatchObject({
    epochs: 1,
  });
  const blended = train({ ...request, out: join(folder, 'no'), settings: { ...SETTINGS, mixup: 0.2 } });
  await expect(blended).rejects.toMatchObject({ code: 'bad-config', message: expect.stringContaining('mixup') });
});

describe('data sets', () => {
  const write = (name: string, contents: string) => {
    const file = join(folder, name);
    mkdirSync(join(file, '..'), { recursive: true });
    writeFileSync(file, contents);
    return file;
  };

  test('can be folders of text files, and folders with one table per split', async () => {
    for (const label of ['a', 'b']) for (const i of [1, 2, 3]) write(`tree/${label}/${i}.txt`, `text ${label} ${i}`);
    write('tree/a/image.png', 'x');
    const tree = await openTexts(join(folder, 'tree'));
    expect(tree).toMatchObject({ classes: ['a', 'b'], problems: [{ reason: 'not a .txt file' }] });
    expect([tree.train.length, tree.val.length]).toEqual([4, 2]);
    write('split/train.csv', 'label,text\na,one\nb,"two\nlines, both"\n');
    write('split/test.jsonl', '{"text": "three", "label": "a"}\n');
    write('split/validation.csv', 'text,label\nfour,b\n');
    const split = await openTexts(join(folder, 'split'));
    expect([split.train, split.val, split.test].map((samples) => samples.map(({ text }) => text))).toEqual([
      ['one', 'two\nlines, both'],
      ['four'],
      ['three'],
    ]);
  });

  test.each([
    ['no column', 'text,class\nx,y\n', /no column label, only text, class/],
    ['no label', 'text,label\nx,\n', /:2: no label/],
    ['one class', 'text,label\nx,y\nz,y\n', /only one class, "y"/],
    ['an unknown split', 'text,label,split\nx,y,odd\n', /:2: split is "odd"/],
    ['no rows', 'text,label\n', /has no rows/],
  ])('report errors: %s', async (name, contents, message) => {
    await expect(openTexts(write(`${name}.csv`, contents))).rejects.toThrow(message);
  });
});

test('adapters of an encoder’s queries and values learn, also averaged, and merge into the shipped model', async () => {
  const out = join(folder, 'adapted');
  const settings: TrainingSettings = {
    ...SETTINGS,
    lora: { rank: 4, alpha: 8, targets: ['query', 'value'] },
    ema: 0.8,
    stages: [
      { train: 'head', epochs: 2 },
      { train: 'all', epochs: 10, lr: 0.02 },
    ],
  };
  const { after } = await train({ model: MODEL, data, out, settings });
  expect(after!.accuracy).toBeGreaterThan(0.8);
  const { tensors } = readSafetensors(readFileSync(join(out, 'adapters', 'adapter_model.safetensors')));
  const adapted = [...tensors.keys()].filter((name) => name.includes('lora_'));
  expect(adapted.length).toBeGreaterThan(0);
  expect(adapted.every((name) => /\.(query|value)\.lora_[AB]\.weight$/.test(name))).toBe(true);
  // The shipped weights are the average of B, which started at zero.
  const { tensors: state } = readSafetensors(readFileSync(join(out, 'checkpoints', 'best', 'checkpoint.safetensors')));
  const [name, average] = [...state].find(([key]) => key.endsWith('lora_B.average'))!;
  expect(state.get(name.slice(0, -'.average'.length))!.data).not.toEqual(average.data);
  const { file } = await merge({ model: MODEL, adapters: out });
  expect((await evaluate({ model: out, data })).accuracy).toBe(after!.accuracy);
  const weightsOf = (path: string) => readModel(readFileSync(path)).graph.initializers;
  const shipped = [...weightsOf(join(out, 'model', 'onnx', 'model.onnx')).values()].map((one) => bytesOf(one).join());
  for (const one of weightsOf(file).values()) expect(shipped).toContain(bytesOf(one).join());
});
