import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { mlflow } from '../../../src/node/tracking/index.ts';
import { configParameters } from '../../../src/node/tracking/mlflow-parameters.ts';
import { FakeMlflow } from './mlflow-server.ts';

let server: FakeMlflow;
beforeEach(async () => {
  server = await FakeMlflow.start();
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await server.stop();
});

const RUN = {
  name: 'images-1',
  path: '/runs/images-1',
  config: { lr: 0.1 },
  tags: { 'thaw.task': 'regression' },
  key: 'k',
};
const rows = (count: number) =>
  Array.from({ length: count }, (_, i) => ({ epoch: i + 1, time: 1000 + i, values: { 'val/loss': i, lr: 0.1 } }));

test('settings, metrics, files and the end of a run', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'thaw-mlflow-'));
  const path = join(folder, 'file');
  writeFileSync(path, 'contents');
  const many = Object.fromEntries(Array.from({ length: 230 }, (_, i) => [`s${i}`, i]));
  const sink = mlflow({ url: `${server.url}/`, experiment: 'pets' });
  await sink.start({ ...RUN, config: many });
  await sink.metrics(rows(1200));
  const names = ['report.html', 'config.yaml', 'model/README.md', 'model/onnx/model.onnx'];
  await sink.artifacts!(names.map((name) => ({ name, path })));
  await sink.end('finished');
  rmSync(folder, { recursive: true });
  const run = server.run('images-1');
  expect(run).toMatchObject({ status: 'FINISHED', experiment: server.experiments.get('pets') });
  expect(Object.keys(run.params)).toHaveLength(230);
  expect(run.tags).toMatchObject({ 'thaw.task': 'regression', 'mlflow.source.name': 'thaw' });
  expect(run.metrics).toHaveLength(2400);
  expect(run.metrics[2398]).toEqual({ key: 'val/loss', value: 1199, timestamp: 2199, step: 1200 });
  expect(run.files).toEqual(Object.fromEntries(names.slice(0, 3).map((name) => [name, 'contents'])));
});

test('the model is a file as well, if asked for', async () => {
  const sink = mlflow({ url: server.url, logModel: true });
  await sink.start(RUN);
  await sink.artifacts!([{ name: 'model/onnx/a b.onnx', path: import.meta.filename }]);
  expect(Object.keys(server.run('images-1').files)).toEqual(['model/onnx/a b.onnx']);
});

test('numbers that are not finite', async () => {
  const sink = mlflow({ url: server.url });
  await sink.start(RUN);
  const values = { a: Number.NaN, b: Number.POSITIVE_INFINITY, c: Number.NEGATIVE_INFINITY };
  await sink.metrics([{ epoch: 1, time: 1, values }]);
  expect(server.run('images-1').metrics.map(({ value }) => value)).toEqual(['NaN', 'Infinity', '-Infinity']);
});

test('a lost answer does not create a run twice', async () => {
  const sink = mlflow({ url: server.url });
  server.mode = 'losing';
  // The experiment, and the run.
  for (let i = 0; i < 2; i++) await expect(sink.start(RUN)).rejects.toThrow('connection was lost');
  server.mode = 'up';
  await sink.start(RUN);
  expect(server.run('images-1').params).toEqual({ lr: '0.1' });
});

test('a resumed run is the same one, with its settings', async () => {
  const id = (await mlflow({ url: server.url }).start(RUN))!;
  server.run('images-1').status = 'KILLED';
  const config = { lr: 0.2 };
  expect(await mlflow({ url: server.url }).start({ ...RUN, config, id, key: 'other' })).toBe(id);
  expect(server.run('images-1')).toMatchObject({ status: 'RUNNING', params: { lr: '0.1' } });
  const lost = await mlflow({ url: server.url }).start({ ...RUN, id: 'gone', key: 'third' });
  expect([id, 'gone']).not.toContain(lost);
});

test('trials of a sweep are below one run', async () => {
  const sink = mlflow({ url: server.url });
  const sweep = { name: 'pets-1', key: 's' };
  for (const name of ['trial-1', 'trial-2']) await sink.start({ ...RUN, name, key: name, sweep });
  const parent = [...server.runs].find(([, { name }]) => name === 'pets-1')![0];
  expect(server.run('pets-1').status).toBe('FINISHED');
  for (const name of ['trial-1', 'trial-2']) expect(server.run(name).tags['mlflow.parentRunId']).toBe(parent);
});

test('a server that stores files elsewhere refuses them', async () => {
  server.artifactRoot = 's3://bucket';
  const sink = mlflow({ url: server.url });
  await sink.start(RUN);
  await expect(sink.artifacts!([{ name: 'report.html', path: import.meta.filename }])).rejects.toThrow(
    'it stores artifacts at s3:, where only its own client can write; start it with --artifacts-destination',
  );
});

test('a refusal names the reason of the server', async () => {
  const sink = mlflow({ url: server.url, experiment: 'x'.repeat(501) });
  await expect(sink.start(RUN)).rejects.toThrow(/^the server answers 400 INVALID_PARAMETER_VALUE: experiments\/create/);
});

test.each([
  [{ MLFLOW_TRACKING_TOKEN: 'swordfish' }, '', 'Bearer swordfish'],
  [{ MLFLOW_TRACKING_USERNAME: 'me', MLFLOW_TRACKING_PASSWORD: 'swordfish' }, '', `Basic ${btoa('me:swordfish')}`],
  [{ MLFLOW_TRACKING_TOKEN: 'token' }, 'me:sword%20fish@', `Basic ${btoa('me:sword fish')}`],
  [{}, '', undefined],
])('authentication: %o', async (variables, user, expected) => {
  for (const [name, value] of Object.entries(variables)) vi.stubEnv(name, value);
  const sink = mlflow({ url: server.url.replace('//', `//${user}`) });
  await sink.start(RUN);
  expect(new Set(server.authorizations)).toEqual(new Set([expected]));
  expect(sink.name).toBe(`MLflow at ${server.url}`);
});

test('the address of the environment, only if asked for', async () => {
  vi.stubEnv('MLFLOW_TRACKING_URI', server.url);
  await mlflow({ url: 'MLFLOW_TRACKING_URI' }).start(RUN);
  expect(server.runs.size).toBe(1);
  vi.stubEnv('MLFLOW_TRACKING_URI', '');
  expect(() => mlflow({ url: 'MLFLOW_TRACKING_URI' })).toThrow('MLFLOW_TRACKING_URI is not set');
});

test('wrong addresses', () => {
  expect(() => mlflow({ url: 'sqlite:///x.db' })).toThrow('mlflow: sqlite:///x.db is not the address of a server');
  vi.stubEnv('MLFLOW_TRACKING_TOKEN', 'swordfish');
  expect(() => mlflow({ url: 'http://mlflow.example:5000' })).toThrow(
    'http://mlflow.example:5000 is not encrypted, so Thaw does not send it a password or token',
  );
});

test('settings as parameters', () => {
  const config = {
    a: 'x',
    b: { c: 1, d: { e: [1, 'y'] } },
    f: { 'très %': 2 },
    g: null,
    h: undefined,
    i: {},
    j: 'z'.repeat(7000),
  };
  const found = Object.fromEntries(configParameters(config).map(({ key, value }) => [key, value]));
  expect(found).toEqual({
    a: 'x',
    'b.c': '1',
    'b.d.e': '[1,"y"]',
    f: '{"très %":2}',
    g: 'null',
    i: '{}',
    j: `${'z'.repeat(5999)}…`,
  });
});
