/**
 * Checks the sink of MLflow with a real server: the server has everything that Thaw sends.
 *
 *     pip install mlflow
 *     mlflow server --backend-store-uri sqlite:///mlflow.db --artifacts-destination ./mlartifacts --port 5000
 *     npx tsx scripts/mlflow.ts http://127.0.0.1:5000
 */
import { deepStrictEqual } from 'node:assert';
import { randomUUID } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { mlflow } from '../src/node/tracking/index.ts';
import { MlflowClient } from '../src/node/tracking/mlflow-client.ts';

interface Run {
  readonly info: { readonly status: string; readonly run_name: string };
  readonly data: { readonly params: Pair[]; readonly tags: Pair[] };
}
interface Pair {
  readonly key: string;
  readonly value: string;
}
interface Point {
  readonly step: number;
  readonly value: number | string;
}

const [url] = process.argv.slice(2);
if (!url) {
  console.error('Usage: npx tsx scripts/mlflow.ts URL');
  process.exit(2);
}
const client = new MlflowClient(url);
const experiment = `thaw check ${randomUUID()}`;
const folder = await mkdtemp(join(tmpdir(), 'thaw-mlflow-'));
const check = (what: string, found: unknown, expected: unknown) => {
  deepStrictEqual(found, expected, what);
  console.log(`${what}: as sent`);
};

const config = {
  model: 'default',
  lr: 0.002,
  optimizer: { name: 'adamw', weightDecay: 0.05 },
  classWeights: { 'très %': 2 },
  labels: Array.from({ length: 3000 }, (_, i) => `class ${i}`),
  ...Object.fromEntries(Array.from({ length: 130 }, (_, i) => [`setting${i}`, i])),
};
const run = { name: 'images-1', path: folder, config, tags: { 'thaw.task': 'classification' }, key: randomUUID() };
const sweep = { name: 'images-1', key: randomUUID() };
const rows = Array.from({ length: 700 }, (_, i) => ({
  epoch: i + 1,
  time: 1_700_000_000_000 + i,
  values: { 'train/loss': 1 / (i + 1), 'val/loss': i === 1 ? Number.NaN : i === 2 ? Number.POSITIVE_INFINITY : i },
}));
const history = async (id: string, metric: string): Promise<Point[]> => {
  const { metrics } = await client.get<{ metrics: Point[] }>('metrics/get-history', {
    run_id: id,
    metric_key: metric,
    max_results: '10000',
  });
  return [...metrics].sort((a, b) => a.step - b.step);
};
const found = async (id: string) => (await client.get<{ run: Run }>('runs/get', { run_id: id })).run;
const textOf = (pairs: readonly Pair[], key: string) => pairs.find((pair) => pair.key === key)?.value;

try {
  const sink = mlflow({ url, experiment, logModel: true });
  const id = (await sink.start({ ...run, sweep }))!;
  check('a second start finds the same run', await sink.start({ ...run, sweep }), id);
  await sink.metrics(rows.slice(0, 600));
  await sink.end('interrupted');
  check('an interrupted run', (await found(id)).info.status, 'KILLED');
  check('a resumed run', await mlflow({ url, experiment }).start({ ...run, id }), id);
  check('its status', (await found(id)).info.status, 'RUNNING');
  await sink.metrics(rows.slice(600));
  const file = join(folder, 'a.txt');
  await writeFile(file, 'hello');
  await sink.artifacts!([
    { name: 'report.html', path: file },
    { name: 'model/onnx/a model ä.onnx', path: file },
  ]);
  await sink.end('finished');

  const { info, data } = await found(id);
  check('name and status', [info.run_name, info.status], ['images-1', 'FINISHED']);
  check('settings', data.params.length, Object.keys(config).length + 1);
  check('a nested setting', textOf(data.params, 'optimizer.weightDecay'), '0.05');
  check('a setting by class', textOf(data.params, 'classWeights'), '{"très %":2}');
  check('a long setting', textOf(data.params, 'labels')?.length, 6000);
  check('a tag', textOf(data.tags, 'thaw.task'), 'classification');
  const losses = await history(id, 'train/loss');
  check(
    'losses',
    losses.map(({ step, value }) => [step, value]),
    rows.map(({ epoch, values }) => [epoch, values['train/loss']]),
  );
  // MLflow's database keeps the largest number instead of infinity.
  check(
    'a loss that is not a number',
    (await history(id, 'val/loss')).slice(0, 2).map(({ value }) => value),
    [0, 'NaN'],
  );
  const parent = textOf(data.tags, 'mlflow.parentRunId')!;
  check('the run of the sweep', (await found(parent)).info, {
    ...(await found(parent)).info,
    status: 'FINISHED',
    run_name: 'images-1',
  });
  const files = await client.get<{ files: { path: string }[] }>('artifacts/list', { run_id: id, path: 'model/onnx' });
  check(
    'files',
    files.files.map(({ path }) => path),
    ['model/onnx/a model ä.onnx'],
  );

  await client.post('runs/delete', { run_id: id });
  const fresh = await mlflow({ url, experiment }).start({ ...run, id, key: randomUUID() });
  check('a deleted run becomes a new one', fresh === id, false);
} finally {
  await rm(folder, { recursive: true });
}
