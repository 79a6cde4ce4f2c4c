// A page as a node of Flower's own SuperLink, by a proxy on its origin, in the rounds of an app beside a client in Node.
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import type { RequestListener } from 'node:http';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import type { NodeEvent } from '../../src/federated/flower/index.ts';
import { readRoundState } from '../../src/federated/index.ts';
import { firstState, type JobEvent, joinFederation, round } from '../../src/node/commands/index.ts';
import { FLOWER, flowerEnvironment, freePort, PYTHON, writeTestApp } from '../node/commands/flower-python.ts';
import { makeProject, type Project } from '../node/commands/project.ts';
import { bundleScripts, launch, runtimeAssets, type Site, serveFolders } from './browser.ts';
import { nodeInPage, ownPartOfPage } from './page-node.ts';

const LABELS = ['blue', 'green', 'red'];
// Adam would make whole steps of rounding errors where a gradient is next to zero.
const COMMON = {
  device: 'cpu',
  batch: 6,
  schedule: 'constant',
  augment: 'none',
  optimizer: { name: 'sgd', momentum: 0.9 },
} as const;
const STAGE = { train: 'head', epochs: 2, lr: 0.03 };

describe('with a SuperLink of Flower', FLOWER, () => {
  let project: Project;
  let scripts: Awaited<ReturnType<typeof bundleScripts>>;
  let browser: Browser;
  let site: Site;
  let superlink: ChildProcess;
  let said = '';
  let address: string;
  const stop = new AbortController();
  const at = (name: string) => join(project.folder, name);

  /** What a page's server does for a SuperLink: the path without its first part, the body and the signed headers. */
  const proxy: RequestListener = async (request, response) => {
    const parts: Uint8Array[] = [];
    for await (const part of request) parts.push(part);
    const { host: _, connection: __, ...headers } = request.headers;
    const answer = await fetch(`http://${address}${request.url!.slice('/superlink'.length)}`, {
      method: request.method,
      headers: Object.entries(headers).filter(([name]) => name !== 'content-length') as [string, string][],
      body: request.method === 'POST' ? Buffer.concat(parts) : undefined,
    });
    response.writeHead(answer.status).end(Buffer.from(await answer.arrayBuffer()));
  };

  beforeAll(async () => {
    project = await makeProject();
    vi.stubEnv('THAW_CACHE', at('cache'));
    address = `127.0.0.1:${await freePort()}`;
    mkdirSync(at('flower'));
    const config = `[superlink]\ndefault = "test"\n\n[superlink.test]\naddress = "${address}"\ninsecure = true\n`;
    writeFileSync(at('flower/config.toml'), config);
    const words = ['--insecure', '--port', address.split(':')[1], '--disable-runtime-dependency-installation'];
    superlink = spawn(join(dirname(PYTHON!), 'flower-superlink'), words, { env: flowerEnvironment(project) });
    for (const stream of [superlink.stdout!, superlink.stderr!]) stream.on('data', (part) => (said += part));
    await vi.waitFor(() => expect(said).toMatch(/startup complete/i), { timeout: 120_000, interval: 200 });
    scripts = await bundleScripts();
    browser = await launch();
    const folders = { scripts: scripts.folder, ort: runtimeAssets(), project: project.folder };
    site = await serveFolders(folders, false, undefined, { superlink: proxy });
  });
  afterAll(async () => {
    stop.abort();
    await browser?.close();
    await site?.close();
    if (superlink) {
      const ended = new Promise((done) => superlink.once('exit', done));
      superlink.kill('SIGINT');
      await ended;
    }
    scripts?.remove();
    vi.unstubAllEnvs();
    project?.remove();
  });

  test('a page and a client in Node train the rounds of an app', async () => {
    const app = at('app');
    await writeTestApp(project, app, { labels: LABELS, settings: COMMON, stages: [STAGE] });
    const events: (JobEvent | NodeEvent)[] = [];
    const node = joinFederation(
      { superlink: address, model: project.model, data: project.data, insecure: true, poll: 200 },
      { signal: stop.signal, onEvent: (event) => events.push(event) },
    );
    const page = await (await browser.newContext()).newPage();
    await page.goto(site.address);
    await page.waitForFunction(() => 'thaw' in globalThis);
    const inPage = page.evaluate(nodeInPage, await ownPartOfPage(project));
    const flwr = join(dirname(PYTHON!), 'flwr');
    const { stdout } = await promisify(execFile)(flwr, ['run', app, 'test', '--stream'], {
      env: flowerEnvironment(project),
      timeout: 240_000,
    });
    expect(stdout, said).toContain('The state after 1 round');
    expect(await inPage).toEqual(['joined', 'message', 'answered', 'message', 'answered', 'left']);
    stop.abort();
    await node;
    expect(events.filter(({ type }) => type === 'answered').length).toBe(2);

    const settings = { ...COMMON, stages: [STAGE] };
    const state = await firstState({ model: project.model, settings: { ...settings, labels: LABELS } });
    const alone = await round({ model: project.model, data: project.data, state, settings });
    const expected = readRoundState(alone.state!);
    const reached = readRoundState(readFileSync(join(app, 'federation', 'state.safetensors')));
    expect([...reached.tensors.keys()].sort()).toEqual([...expected.tensors.keys()].sort());
    for (const [name, { data }] of expected.tensors) {
      const other = reached.tensors.get(name)!.data as Float32Array;
      const apart = (data as Float32Array).map((value, i) => Math.abs(value - other[i]));
      expect(Math.max(...apart), name).toBeLessThan(1e-5);
    }
    const begun = readRoundState(state).tensors.get('fc.weight')!.data as Float32Array;
    const moved = (expected.tensors.get('fc.weight')!.data as Float32Array).map((v, i) => Math.abs(v - begun[i]));
    expect(Math.max(...moved)).toBeGreaterThan(1e-3);
  }, 300_000);
});
