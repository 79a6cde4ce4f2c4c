// Trackers listen to whole trainings, and never stop one.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { type JobEvent, resume, sweep, train } from '../../../src/node/commands/index.ts';
import { fineTune } from '../../../src/node/library/index.ts';
import { mlflow } from '../../../src/node/tracking/index.ts';
import type { TrackedMetrics, TrackerSink } from '../../../src/node/tracking/sink.ts';
import type { TrainingSettings } from '../../../src/session/index.ts';
import { thaw } from '../../cli/streams.ts';
import { FakeMlflow } from '../tracking/mlflow-server.ts';
import { makeProject, type Project } from './project.ts';

const SETTINGS: TrainingSettings = {
  device: 'cpu',
  batch: 6,
  lr: 0.03,
  artifacts: false,
  stages: [{ train: 'head', epochs: 4 }],
};

let project: Project;
let server: FakeMlflow;
beforeAll(async () => {
  project = await makeProject();
});
afterAll(() => project.remove());
beforeEach(async () => {
  server = await FakeMlflow.start();
});
afterEach(() => server.stop());

const requestFor = (name: string) => ({
  model: project.model,
  data: project.data,
  out: join(project.folder, name),
  settings: SETTINGS,
});
const rowsOf = (name: string) =>
  readFileSync(join(project.folder, name, 'metrics.jsonl'), 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
const logged = (name: string, metric: string) =>
  server
    .run(name)
    .metrics.filter(({ key }) => key === metric)
    .map(({ step, value }) => [step, value]);
const notices = (events: readonly JobEvent[]) =>
  events.flatMap((event) => (event.type === 'notice' ? [event.message] : []));

test('MLflow has the metrics, the settings and the files of a run', async () => {
  const sinks = [mlflow({ url: server.url, logModel: true })];
  const { result } = fineTune({ ...requestFor('whole'), sinks });
  const { after } = await result;
  const run = server.run('whole');
  expect(run.status).toBe('FINISHED');
  expect(logged('whole', 'val/accuracy')).toEqual(rowsOf('whole').map(({ epoch, val }) => [epoch, val.accuracy]));
  expect(logged('whole', 'train/loss')).toEqual(rowsOf('whole').map(({ epoch, train: { loss } }) => [epoch, loss]));
  expect(logged('whole', 'final/val/accuracy')).toEqual([[4, after!.accuracy]]);
  expect(run.params).toMatchObject({ model: project.model, data: project.data, lr: '0.03', batch: '6' });
  expect(run.tags).toMatchObject({ 'thaw.task': 'classification', 'thaw.device': 'cpu' });
  const files = ['report.html', 'config.yaml', 'model/README.md', 'model/config.json', 'model/onnx/model.onnx'];
  for (const file of files)
    expect(run.files[file], file).toBe(readFileSync(join(project.folder, 'whole', file)).toString());
});

test('a resumed run is the same one in MLflow, and epochs that were missed come later', async () => {
  const stop = new AbortController();
  server.mode = 'down';
  const onEvent = (event: JobEvent) => {
    if (event.type === 'epoch' && event.epoch === 1) server.mode = 'up';
    if (event.type === 'epoch' && event.epoch === 2) stop.abort();
  };
  const sinks = [mlflow({ url: server.url })];
  const first = await train(requestFor('parts'), { onEvent, sinks, signal: stop.signal });
  expect(first.status).toBe('interrupted');
  expect(server.run('parts').status).toBe('KILLED');
  // Without the tracker, which gets these epochs at the next resume.
  const again = new AbortController();
  const third = (event: JobEvent) => event.type === 'epoch' && again.abort();
  await resume(join(project.folder, 'parts'), { onEvent: third, signal: again.signal });
  await resume(join(project.folder, 'parts'), { sinks: [mlflow({ url: server.url })] });
  expect(server.runs.size).toBe(1);
  expect(server.run('parts').status).toBe('FINISHED');
  expect(logged('parts', 'val/loss')).toEqual(rowsOf('parts').map(({ epoch, val }) => [epoch, val.loss]));
});

test('a tracker that is down changes nothing in the run', async () => {
  await train(requestFor('alone'));
  const events: JobEvent[] = [];
  const sinks = [mlflow({ url: server.url })];
  const name = `MLflow at ${server.url}`;
  await server.stop();
  await train(requestFor('down'), { sinks, onEvent: (event) => events.push(event) });
  const shipped = (name: string) => readFileSync(join(project.folder, name, 'model', 'onnx', 'model.onnx'));
  expect(shipped('down').equals(shipped('alone'))).toBe(true);
  expect(existsSync(join(project.folder, 'down', 'report.html'))).toBe(true);
  expect(notices(events).filter((notice) => notice.startsWith(name))).toEqual([
    `${name}: the connection was refused. The training continues; Thaw will try again`,
    `${name}: the connection was refused and does not have this run. The run directory is complete`,
  ]);
  server = await FakeMlflow.start();
});

test('a failed training has failed in MLflow as well', async () => {
  const sinks = [mlflow({ url: server.url })];
  const settings = { ...SETTINGS, lr: 1e30, rollbacks: { most: 0 } };
  await expect(train({ ...requestFor('failed'), settings }, { sinks })).rejects.toThrow();
  expect(server.run('failed').status).toBe('FAILED');
});

test('the trials of a sweep are below one run', async () => {
  const out = join(project.folder, 'sweep');
  const sinks = [mlflow({ url: server.url })];
  await sweep({ ...requestFor('sweep'), out, try: { lr: [0.01, 0.03] }, stop: 'none' }, { sinks });
  const parent = [...server.runs].find(([, { name }]) => name === 'sweep')![0];
  for (const name of ['trial-1', 'trial-2'])
    expect(server.run(name)).toMatchObject({ status: 'FINISHED', tags: { 'mlflow.parentRunId': parent } });
  expect([server.run('trial-1').params.lr, server.run('trial-2').params.lr]).toEqual(['0.01', '0.03']);
});

test('the command line, and the sinks of a config file', async () => {
  const config = join(project.folder, 'thaw.config.js');
  const log = join(project.folder, 'log.txt');
  writeFileSync(
    config,
    `import { appendFileSync } from 'node:fs';
    const write = (line) => appendFileSync(${JSON.stringify(log)}, line + '\\n');
    export default {
      stages: [{ train: 'head', epochs: 2 }],
      artifacts: false,
      experiment: 'colours',
      sinks: [{ name: 'a file', start: (run) => write(run.name), metrics: (rows) => rows.forEach(({ epoch }) => write(epoch)), end: write }],
    };`,
  );
  const out = join(project.folder, 'line');
  const words = ['train', project.model, project.data, '--out', out, '--config', config, '--mlflow', server.url];
  const { code, err } = await thaw(words);
  expect(err).not.toContain('MLflow');
  expect(code).toBe(0);
  expect(readFileSync(log, 'utf8')).toBe('line\n1\n2\n2\nfinished\n');
  expect(server.experiments.has('colours')).toBe(true);
  expect(server.run('line').status).toBe('FINISHED');
  expect(readFileSync(join(out, 'config.yaml'), 'utf8')).not.toMatch(/mlflow|sinks|experiment/);
});

test('wrong trackers are refused before anything is trained', async () => {
  const broken = { ...requestFor('refused'), sinks: [{ name: 'x' }] as unknown as TrackerSink[] };
  await expect(fineTune(broken).result).rejects.toThrow('sinks is not a list of trackers');
  const words = ['train', project.model, project.data, '--out', join(project.folder, 'refused')];
  expect((await thaw([...words, '--mlflow', 'mlruns'])).err).toContain('mlruns is not the address of a server');
  expect((await thaw([...words, '--experiment', 'x'])).err).toContain(
    '--experiment is for MLflow, and no server is given',
  );
  expect(existsSync(join(project.folder, 'refused'))).toBe(false);
});

test('a sink that throws everywhere, or never answers, stops nothing', async () => {
  const rows: TrackedMetrics[] = [];
  const good: TrackerSink = {
    name: 'good',
    start: () => '1',
    metrics: (more) => void rows.push(...more),
    end: () => {},
  };
  const thrower = () => {
    throw new Error('broken');
  };
  const bad: TrackerSink = { name: 'bad', start: thrower, metrics: thrower, end: thrower };
  const { status } = await train(requestFor('mixed'), { sinks: [bad, good] });
  expect(status).toBe('finished');
  expect(rows.map(({ epoch }) => epoch)).toEqual([1, 2, 3, 4, 4]);
});

test('the example of a file', async () => {
  const example = new URL('../../../examples/trackers/file.ts', import.meta.url).href;
  const { file } = (await import(example)) as { file: (path: string) => TrackerSink };
  const path = join(project.folder, 'runs.jsonl');
  await train(requestFor('filed'), { sinks: [file(path)] });
  const lines = readFileSync(path, 'utf8').trim().split('\n');
  const entries = lines.map((line) => JSON.parse(line));
  expect(entries[0]).toMatchObject({ run: 'filed', config: { lr: 0.03 } });
  const curve = entries.slice(1, 5).map(({ epoch, values }) => [epoch, values['val/loss']]);
  expect(curve).toEqual(rowsOf('filed').map(({ epoch, val }) => [epoch, val.loss]));
  expect(entries.at(-1)).toEqual({ run: 'filed', status: 'finished' });
});
