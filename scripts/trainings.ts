/**
 * Trains a dozen small models in all the ways that hosts train, and prints a digest of each result. Two versions of Thaw that
 * should train alike print the same lines on one machine:
 *
 *     npx tsx scripts/trainings.ts > before.txt
 */
import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { argv } from 'node:process';
import { MessageChannel } from 'node:worker_threads';
import { resume, type TrainRequest, train } from '../src/node/commands/index.ts';
import type { TrainingSettings, TrainSettingsInput } from '../src/session/index.ts';
import { connect, emitterPort, type OpenRequest, serve } from '../src/worker/index.ts';
import { nodePlatform } from '../src/worker/node/platform.ts';
import { COLOURS, makeProject, type Project } from '../test/node/commands/project.ts';
import { LESSONS, type Lesson } from '../test/worker/lessons.ts';
import { requestOf } from '../test/worker/request.ts';

const common: TrainingSettings = { device: 'cpu', batch: 6, epochs: 3, lr: 0.03, seed: 7, artifacts: false };
const stages = [
  { train: 'head', epochs: 2 },
  { train: 'all', epochs: 2, lr: 0.01 },
];

const IN_NODE: Readonly<Record<string, TrainSettingsInput>> = {
  defaults: {},
  stages: { stages, optimizer: 'adam' },
  regularized: { stages, dropout: 0.2, l2: 0.01, mixup: 0.4, cutmix: 0.4, labelSmoothing: 0.1 },
  averaged: { stages, ema: 0.9, accumulate: 2, clip: 1 },
  everything: { trainable: 'all', optimizer: 'sgd', augment: 'heavy', views: 2 },
  adapters: { trainable: 'all', lora: 2 },
  distilled: { trainable: 'all', distill: { of: 'features' } },
  labels: { task: 'multi-label', trainable: 'all' },
  numbers: { task: 'regression', trainable: 'all' },
  vectors: { task: 'embedding', trainable: 'all', embeddingSize: 4, perClass: 2 },
};

const IN_PAGES: Readonly<Record<string, TrainingSettings>> = {
  defaults: {},
  stages: { stages, augment: 'none' },
  regularized: { stages, dropout: 0.2, mixup: 0.4, ema: 0.9, accumulate: 2 },
  adapters: { trainable: 'all', lora: 2 },
};

const digest = (...parts: readonly (Uint8Array | string)[]): string => {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest('hex').slice(0, 16);
};

/** A digest of the model and of each epoch's numbers, without values that depend on the clock. */
function digestOfRun(run: string): string {
  const rows = readFileSync(join(run, 'metrics.jsonl'), 'utf8').trim().split('\n');
  const numbers = rows.map((row) => JSON.stringify({ ...JSON.parse(row), seconds: 0 }));
  return digest(readFileSync(join(run, 'model/onnx/model.onnx')), ...numbers);
}

/** Tables of the project's images, and of texts. */
function writeTables({ folder }: Project): Readonly<Record<string, string>> {
  const rows = (Object.keys(COLOURS) as (keyof typeof COLOURS)[]).flatMap((name) =>
    Object.entries({ train: 8, val: 4 }).flatMap(([split, count]) =>
      Array.from({ length: count }, (_, i) => ({ file: `images/${split}/${name}/${i}.png`, name, split })),
    ),
  );
  const labels = { blue: 'blue|cold', green: 'cold', red: 'warm' };
  const tables: Record<string, readonly string[]> = {
    labels: ['file_name,split,labels', ...rows.map(({ file, split, name }) => `${file},${split},${labels[name]}`)],
    numbers: ['file_name,split,red', ...rows.map(({ file, split, name }) => `${file},${split},${COLOURS[name][0]}`)],
    texts: [
      'text,label,split',
      ...Array.from({ length: 30 }, (_, i) => {
        const good = i % 2 === 0;
        return `the film number ${i} was ${good ? 'wonderful' : 'awful'},${good ? 'good' : 'bad'},${i < 20 ? 'train' : 'val'}`;
      }),
    ],
  };
  for (const [name, lines] of Object.entries(tables)) writeFileSync(join(folder, `${name}.csv`), lines.join('\n'));
  return Object.fromEntries(Object.keys(tables).map((name) => [name, join(folder, `${name}.csv`)]));
}

async function runOf(request: TrainRequest): Promise<string> {
  const { status } = await train(request);
  if (status !== 'finished') throw new Error(`the training ended ${status}`);
  return request.out!;
}

/** Stops a training after its first epoch and resumes it. */
async function interrupted(request: TrainRequest): Promise<string> {
  const stop = new AbortController();
  await train(request, { signal: stop.signal, onEvent: ({ type }) => type === 'epoch' && stop.abort() });
  await resume(request.out!);
  return request.out!;
}

async function inPage(request: OpenRequest): Promise<string> {
  const { port1, port2 } = new MessageChannel();
  serve(emitterPort(port1), nodePlatform());
  const client = connect(emitterPort(port2));
  try {
    const training = await client.open(request);
    await training.train();
    const { files } = await training.finish();
    return digest(files.find(([path]) => path === 'onnx/model.onnx')![1]);
  } finally {
    client.terminate();
  }
}

const wanted = argv.slice(2);
const project = await makeProject();
const tables = writeTables(project);
const print = async (name: string, work: () => Promise<string>) => {
  if (wanted.length === 0 || wanted.includes(name)) console.log(`${name.padEnd(20)} ${await work()}`);
};
try {
  for (const [name, more] of Object.entries(IN_NODE)) {
    const { task, ...own } = more;
    const settings: TrainingSettings = { ...common, ...own };
    if (settings.stages) delete settings.epochs;
    const request = {
      model: project.model,
      data: tables[name] ?? project.data,
      out: join(project.folder, name),
      task,
      settings,
    };
    await print(`node ${name}`, async () => digestOfRun(await runOf(request)));
  }
  const text = { model: 'test/fixtures/texts/bert', data: tables.texts, settings: common };
  await print('node texts', async () => digestOfRun(await runOf({ ...text, out: join(project.folder, 'texts') })));
  const again = { model: project.model, data: project.data, out: join(project.folder, 'resumed'), settings: common };
  await print('node resumed', async () => digestOfRun(await interrupted(again)));
  const asked = await requestOf(project);
  for (const [name, more] of Object.entries(IN_PAGES)) {
    const { epochs, ...rest } = common;
    const settings = { ...rest, ...(more.stages ? {} : { epochs }), ...more };
    await print(`page ${name}`, () => inPage({ ...asked, settings }));
  }
  for (const [name, lessonOf] of Object.entries(LESSONS)) {
    const { task, model, samples, settings } = lessonOf(project) as Lesson;
    await print(`page ${name}`, () => inPage({ ...model, task, samples, settings }));
  }
} finally {
  project.remove();
}
