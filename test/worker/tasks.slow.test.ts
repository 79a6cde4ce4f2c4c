// Every task, and texts, in a worker thread. The bits match those of Node's own trainings.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { firstState, type JobEvent, round, type TrainingResult, train } from '../../src/node/commands/index.ts';
import { loadModel } from '../../src/node/library/index.ts';
import type { TaskName } from '../../src/tasks/index.ts';
import type { Finished, RemoteClient, RemoteEvent, RemoteTraining } from '../../src/worker/index.ts';
import { startThread } from '../../src/worker/node/start-thread.ts';
import { makeProject, type Project } from '../node/commands/project.ts';
import { LESSONS, type Lesson, numbers, severalLabels, texts, vectors } from './lessons.ts';
import { threadOfSources } from './threads.ts';

let project: Project;
let client: RemoteClient;
beforeAll(async () => {
  project = await makeProject();
  vi.stubEnv('THAW_CACHE', join(project.folder, 'cache'));
  client = startThread({ thread: threadOfSources(), folder: join(project.folder, 'projects') });
});
afterAll(() => {
  client?.terminate();
  vi.unstubAllEnvs();
  project?.remove();
});

/** The rows of the epochs, without times. */
const rowsOf = (events: readonly (JobEvent | RemoteEvent)[]) =>
  events.flatMap((event) => (event.type === 'epoch' ? [{ ...event, seconds: 0 }] : []));

const inputsOf = ({ samples }: Lesson) =>
  samples.filter(({ split }) => split === 'val').map(({ image, text }) => (image ?? text)!);

/** Runs the same training in Node and in the thread. */
async function trainBoth<T extends TaskName>({ task, folder, data, model, samples, settings }: Lesson<T>) {
  const here: JobEvent[] = [];
  const run = join(project.folder, `run ${data.split('/').at(-1)}`);
  const result = await train<T>({ model: folder, data, out: run, task, settings }, { onEvent: (e) => here.push(e) });
  const there: RemoteEvent[] = [];
  const end = client.listen((event) => there.push(event));
  const training = await client.open<T>({ ...model, task, samples, settings });
  await training.train();
  await expect(training.report()).rejects.toMatchObject({ code: 'bad-config' });
  const finished = await training.finish();
  const report = await training.report();
  end();
  return { run, result, here, training, finished, report, there };
}

interface Both<T extends TaskName> {
  readonly run: string;
  readonly result: TrainingResult<T>;
  readonly here: readonly JobEvent[];
  readonly training: RemoteTraining<T>;
  readonly finished: Finished<T>;
  readonly report: string;
  readonly there: readonly RemoteEvent[];
}

/** The checks that all tasks share. */
function expectSame<T extends TaskName>({ run, result, here, finished, report, there }: Both<T>) {
  expect(rowsOf(there)).toEqual(rowsOf(here));
  expect(rowsOf(there)).toHaveLength(4);
  expect(there.find(({ type }) => type === 'before')).toEqual({ type: 'before', val: result.before });
  const files = new Map(finished.files);
  for (const [path, contents] of files)
    if (path !== 'README.md') expect(Buffer.from(contents).equals(readFileSync(join(run, 'model', path)))).toBe(true);
  const [own, nodes] = [
    Buffer.from(files.get('README.md')!).toString(),
    readFileSync(join(run, 'model/README.md'), 'utf8'),
  ];
  const part = (card: string, from: string, to: string) => {
    const [start, end] = [card.indexOf(from), card.indexOf(to)];
    expect([from, start >= 0 && end > start]).toEqual([from, true]);
    return card.slice(start, end);
  };
  expect(part(own, '## Scores', '## Training')).toBe(part(nodes, '## Scores', '## Training'));
  expect(part(own, 'Stages:', '## Limits').replace(/[\d.]+\s*m?s\b/g, '')).toBe(
    part(nodes, 'Stages:', '## Limits')
      // Only a run measures the difference.
      .replace(/In Node, transformers\.js does not smooth[^\n]*\n\n/, '')
      .replace(/[\d.]+\s*m?s\b/g, ''),
  );
  expect(own).toMatch(/SHA-256 `[0-9a-f]{64}`, [\d,]+ parameters/);
  const sections = sectionsOf(report);
  expect(Object.keys(sections)).toEqual(expect.arrayContaining(['training', 'stages', 'result']));
  expect(sections).toEqual(sectionsOf(readFileSync(join(run, 'report.html'), 'utf8')));
}

/** Facts of a run, of its files and of its machine, which a training elsewhere has not. */
const OF_RUNS = /^(images-|mistakes|samples|data|next|record)/;

/** A report's sections by their names, without the time that anything took. */
function sectionsOf(report: string): Record<string, string> {
  const sections = [...report.matchAll(/<section id="([^"]+)"[\s\S]*?<\/section>/g)];
  return Object.fromEntries(
    sections
      .filter(([, id]) => !OF_RUNS.test(id))
      .map(([text, id]) => [
        id,
        text.replace(/<svg class="plot timeline"[\s\S]*<\/svg>/, '').replace(/\d[\d.]*\u00a0(ms|s|min)/g, ''),
      ]),
  );
}

test('several labels: thresholds are chosen, and mistakes are named', async () => {
  const lesson = severalLabels(project);
  const both = await trainBoth(lesson);
  expectSame(both);
  const { finished, result, training, run } = both;
  expect(training.opened).toMatchObject({ task: 'multi-label', noun: 'image', classes: ['blue', 'cold', 'warm'] });
  if (finished.status !== 'finished') throw new Error(finished.status);
  expect(finished.evaluation).toEqual(result.after);
  expect(finished.test).toEqual(result.test);
  for (const { sample, labels, predicted } of finished.mistakes) {
    expect(lesson.samples[sample]).toMatchObject({ split: 'val', labels });
    expect(predicted).not.toEqual(labels);
  }
  expect(finished.mistakes.length).toBe(9 * (1 - finished.evaluation.subsetAccuracy));
  const predictions = await training.predict(inputsOf(lesson));
  const own = await loadModel(run, { task: 'multi-label' });
  for (const [i, { labels, probabilities }] of (await own(inputsOf(lesson))).entries()) {
    expect(predictions[i].labels).toEqual(labels);
    for (const [name, value] of Object.entries(probabilities))
      expect(predictions[i].probabilities[name]).toBeCloseTo(value, 5);
  }
  await own.dispose();
});

test('numbers have their units', async () => {
  const lesson = numbers(project);
  const both = await trainBoth(lesson);
  expectSame(both);
  const { finished, result, training, run } = both;
  expect(training.opened).toMatchObject({ task: 'regression', classes: ['red', 'green'], train: 24, val: 9, test: 3 });
  expect(finished).toMatchObject({ status: 'finished', evaluation: result.after, test: result.test, mistakes: null });
  const [{ values }] = await training.predict(inputsOf(lesson));
  const own = await loadModel(run, { task: 'regression' });
  const expected = await own(inputsOf(lesson)[0]);
  expect(values.red).toBeCloseTo(expected.values.red, 3);
  expect(values.green).toBeCloseTo(expected.values.green, 3);
  await own.dispose();
});

test('vectors match', async () => {
  const lesson = vectors(project);
  const both = await trainBoth(lesson);
  expectSame(both);
  const { finished, result, training } = both;
  expect(training.opened).toMatchObject({ task: 'embedding', classes: ['blue', 'green', 'red'] });
  expect(finished).toMatchObject({ status: 'finished', calibration: null, mistakes: null });
  expect(finished.evaluation).toEqual(result.after);
  const [{ embedding }] = await training.predict(inputsOf(lesson));
  expect(Math.hypot(...embedding)).toBeCloseTo(1, 5);
});

test('texts match', async () => {
  const lesson = texts(project);
  const both = await trainBoth(lesson);
  expectSame(both);
  const { finished, result, training, there } = both;
  const format = { kind: 'text', maxLength: 12 };
  expect(training.opened).toMatchObject({ noun: 'text', format, classes: ['bad', 'good'], train: 40, val: 8 });
  expect(there).toContainEqual({ type: 'notice', message: expect.stringContaining('longer than 12 tokens, and cut') });
  expect(finished).toMatchObject({ status: 'finished', evaluation: result.after, calibration: result.calibration });
  const predictions = await training.predict(['the film was wonderful', 'it was awful'], { topK: 1 });
  expect(predictions.map(({ top }) => top)).toEqual(
    predictions.map(({ label, probability }) => [{ label, probability }]),
  );
});

describe.each(Object.entries(LESSONS))('%s', (name, lessonOf) => {
  test('a kept project continues to the same bytes, and only with its task', async () => {
    const { task, model, samples, settings } = lessonOf(project) as Lesson;
    const whole = await client.open({ ...model, task, samples, settings });
    await whole.train();
    const expected = await whole.finish();
    const kept = await client.open({ ...model, task, samples, settings, project: name });
    const end = client.listen(({ type }) => type === 'epoch' && kept.stop());
    expect(await kept.train()).toBe('interrupted');
    end();
    await kept.close();
    const other = task === 'regression' ? 'embedding' : 'regression';
    await expect(client.reopen(name, { task: other })).rejects.toMatchObject({
      code: 'bad-config',
      message: `the model's task is ${task}, not ${other}`,
    });
    const again = await client.reopen(name, { task });
    expect(again.opened).toMatchObject({ task, epochsDone: 1, classes: whole.opened.classes });
    expect(await again.train()).toBe('finished');
    const finished = await again.finish();
    const models = [finished, expected].map(({ files }) => Buffer.from(new Map(files).get('onnx/model.onnx')!));
    expect(models[0].equals(models[1])).toBe(true);
    expect(finished.evaluation).toEqual(expected.evaluation);
    await client.forget(name);
  });

  test('a finished model that is loaded predicts as in Node', async () => {
    const lesson = lessonOf(project) as Lesson;
    const { task, model, samples, settings } = lesson;
    const stages = [{ train: 'head', epochs: 1 }];
    const training = await client.open({ ...model, task, samples, settings: { ...settings, stages } });
    await training.train();
    const { files } = await training.finish();
    const [first, ...others] = inputsOf(lesson);
    const loaded = await client.loadModel({ model: files, task, settings: { device: 'cpu' } });
    expect([loaded.task, loaded.labels]).toEqual([task, training.opened.classes]);
    const out = join(project.folder, `loaded ${name}`);
    await train({ model: lesson.folder, data: lesson.data, out, task, settings: { ...settings, stages } });
    const native = await loadModel(out, { task });
    expect(await loaded(first)).toEqual(await native(first));
    expect(await loaded([first, ...others])).toEqual(await native([first, ...others]));
    await native.dispose();
    const other = task === 'regression' ? 'embedding' : 'regression';
    await expect(client.loadModel({ model: files, task: other })).rejects.toThrow(`task is ${task}, not ${other}`);
    await loaded.dispose();
    await expect(loaded(first)).rejects.toMatchObject({ code: 'bad-config', message: 'the model is no longer loaded' });
  });

  test('a round of a federation gives the bits of a round from files', async () => {
    const { folder, data, task, model, samples, settings } = lessonOf(project) as Lesson;
    const { device, stages: _, targets, ...shared } = settings;
    const own = { ...shared, trainable: 'head', epochs: 1, schedule: 'constant' } as const;
    const state = await firstState({ model: folder, data, settings: { ...own, task, targets } });
    const expected = await round({ model: folder, data, state, settings: { ...own, device, targets }, measure: true });
    const outcome = await client.round({
      ...model,
      samples,
      state,
      settings: { ...own, device, targets },
      measure: true,
    });
    expect(outcome).toEqual(expected);
    expect(outcome.before).not.toEqual(outcome.val);
  });
});
