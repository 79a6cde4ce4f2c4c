import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readRoundState } from '../../../src/federated/index.ts';
import { finishFederation, writeFederatedApp } from '../../../src/node/commands/index.ts';
import { thaw } from '../../cli/streams.ts';
import { FLOWER, PYTHON, unevenShares } from './flower-python.ts';
import { makeProject, type Project } from './project.ts';

let project: Project;
beforeAll(async () => {
  project = await makeProject();
});
afterAll(() => project.remove());

describe('the app', () => {
  test('is written with the given values as valid TOML, and overwrites nothing', async () => {
    const folder = join(project.folder, 'app');
    const words = ['federated', 'init', folder, '--model', join(project.model, 'model.onnx'), '--labels', 'a "b",c\\d'];
    const { code, out } = await thaw([...words, '--data', 'shares/{}', '--strategy', 'fedadam', '--json']);
    expect(code).toBe(0);
    expect(JSON.parse(out).files).toEqual([
      'README.md',
      'pyproject.toml',
      'thaw_federated/__init__.py',
      'thaw_federated/checks.py',
      'thaw_federated/client_app.py',
      'thaw_federated/exchange.py',
      'thaw_federated/guard.py',
      'thaw_federated/record.py',
      'thaw_federated/server_app.py',
      'thaw_federated/states.py',
      'thaw_federated/strategies.py',
    ]);
    const toml = readFileSync(join(folder, 'pyproject.toml'), 'utf8');
    for (const line of [
      `model = "${join(project.model, 'model.onnx')}"`,
      'labels = "a \\"b\\",c\\\\d"',
      `simulation-data = "${resolve('shares/{}')}"`,
      `out = "${join(folder, 'federation')}"`,
      'strategy = "fedadam"',
    ])
      expect(toml.split('\n')).toContain(line);
    const again = await thaw(words);
    expect([again.code, again.err]).toEqual([2, expect.stringContaining('is not empty')]);
  });

  test.each<[string, object, RegExp]>([
    ['an unknown strategy', { strategy: 'fedsgd' }, /fedavg, fedprox, fedadam/],
    ['one folder for all clients', { data: 'shares' }, /same images/],
    ['a comma in a label', { labels: ['a,b', 'c'] }, /contains a comma/],
  ])('init refuses %s', async (_, more, message) => {
    const request = { folder: join(project.folder, 'refused'), ...more };
    await expect(writeFederatedApp(request)).rejects.toMatchObject({
      line: expect.stringMatching(message),
    });
  });

  test.each([
    ['an unknown action', ['leave', 'x'], /join SUPERLINK DATA or finish DIR/],
    ['an unexpected argument', ['init', 'x', 'y'], /unexpected argument "y"/],
    ['flags of a client', ['init', 'x', '--insecure'], /--insecure does not apply to init/],
  ])('the command refuses %s', async (_, words, message) => {
    expect(await thaw(['federated', ...words])).toMatchObject({ code: 2, err: expect.stringMatching(message) });
  });
});

describe('with Flower', FLOWER, () => {
  test('clients train, FedAvg is their weighted mean, and a state grows with its stage', async () => {
    const app = join(project.folder, 'flower');
    const model = join(project.model, 'model.onnx');
    await writeFederatedApp({ folder: app, model, labels: ['blue', 'green', 'red'] });
    const file = join(app, 'pyproject.toml');
    const command = `"${process.execPath}" --import tsx "${resolve('src/cli/main.ts')}"`;
    const toml = readFileSync(file, 'utf8')
      .replace('thaw = "thaw"', `thaw = ${JSON.stringify(command)}`)
      .replace(/^settings = .*$/m, `settings = '{"device": "cpu", "batch": 6, "schedule": "constant"}'`);
    writeFileSync(file, toml);
    const shares = unevenShares(project);
    const { stdout } = await promisify(execFile)(
      PYTHON!,
      [resolve('test/node/commands/federated.py'), app, ...shares],
      {
        env: { ...process.env, THAW_CACHE: join(project.folder, 'cache') },
      },
    );
    const result = JSON.parse(stdout.trim().split('\n').at(-1)!);
    // Of 13 images, 4 are held out; of 9, two.
    expect(result.counts).toEqual([9, 7]);
    expect(result.first).toEqual(['fc.bias', 'fc.weight']);
    expect(result.apart).toBeGreaterThan(1e-4);
    expect(result.difference).toBeLessThan(1e-7);
    expect(result.moved[1]).toBeLessThan(result.moved[0]);
    expect(result.types).toEqual(['float32']);
    expect(result.wider).toEqual(['block.bias', 'block.weight', 'fc.bias', 'fc.weight']);
    expect(result.kept).toBe(true);
    const [near, far] = result.clients;
    expect(near).toMatchObject({ client: '7', name: 'near', examples: 9, val: { examples: 4 } });
    expect(near.train.loss).toBeGreaterThan(0);
    expect(near.val.accuracy).toBeGreaterThanOrEqual(0);
    expect(far.name).toBeUndefined();
    // For each tensor, 123 bytes for Flower's header and the name, plus the metrics.
    const head = 4 * (3 * 8 + 3);
    expect(near.up - head).toBeLessThan(350);
    // Differential privacy: the change of each client, and of their mean, is at most the norm.
    expect(result.clipped).toBeLessThan(0.001 * (1 + 1e-3));
    expect(result.moved[0]).toBeGreaterThan(0.002);
    expect(result.few).toMatch(/^1 clients gave a state that can be averaged, and min-clients is 2/);
    // The state does not contain the second round, and the third was still being written.
    expect(result.lines).toEqual([
      ['sitting', null],
      ['round', 1],
      ['evaluation', 1],
    ]);
    expect(result.evaluated).toEqual([false, true]);
    const source = createHash('sha256').update(readFileSync(model)).digest('hex');
    expect(result.metadata).toEqual({ epoch: '1', rounds: '1', source });
    const state = readRoundState(readFileSync(join(app, 'federation', 'state.safetensors')));
    expect([...state.tensors.keys()].sort()).toEqual(result.first);
    const finished = await finishFederation({ folder: app, model });
    expect(finished.run).toMatch(/run$/);
    const report = readFileSync(finished.report!, 'utf8');
    for (const words of ['Clients', 'near', 'client 2', 'Last evaluation without', 'gave no answer in time'])
      expect(report).toContain(words);
  }, 300_000);
});
