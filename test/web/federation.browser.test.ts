// A page as a node: it asks a proxy on its own origin, which passes its requests on.
import type { RequestListener } from 'node:http';
import { join } from 'node:path';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { firstState, round } from '../../src/node/commands/index.ts';
import type { TensorData } from '../../src/onnx/index.ts';
import { FakeSuperLink } from '../federated/flower/fake-superlink.ts';
import { makeProject, type Project } from '../node/commands/project.ts';
import { askedRound, metricsOf, tensorsOf } from '../worker/asked-round.ts';
import { bundleScripts, launch, runtimeAssets, type Site, serveFolders } from './browser.ts';
import { nodeInPage, ownPartOfPage } from './page-node.ts';

// Adam would make whole steps of rounding errors where a gradient is next to zero.
const SETTINGS = {
  batch: 6,
  lr: 0.03,
  trainable: 'head',
  epochs: 1,
  optimizer: { name: 'sgd', momentum: 0.9 },
} as const;

let project: Project;
let scripts: Awaited<ReturnType<typeof bundleScripts>>;
let browser: Browser;
let site: Site;
const superlink = new FakeSuperLink();

/** What a page's server does for a SuperLink: the path without its first part, the body and the signed headers. */
const proxy: RequestListener = async (request, response) => {
  const parts: Uint8Array[] = [];
  for await (const part of request) parts.push(part);
  const answer = await superlink.exchange(request.url!.slice('/superlink'.length), {
    body: request.method === 'POST' ? Buffer.concat(parts) : undefined,
    headers: request.headers as Record<string, string>,
    signal: new AbortController().signal,
    limit: Number.POSITIVE_INFINITY,
  });
  response.writeHead(answer.status).end(answer.body);
};

beforeAll(async () => {
  project = await makeProject();
  vi.stubEnv('THAW_CACHE', join(project.folder, 'cache'));
  scripts = await bundleScripts();
  browser = await launch();
  const folders = { scripts: scripts.folder, ort: runtimeAssets(), project: project.folder };
  site = await serveFolders(folders, false, undefined, { superlink: proxy });
});
afterAll(async () => {
  await browser?.close();
  await site?.close();
  scripts?.remove();
  vi.unstubAllEnvs();
  project?.remove();
});

test('a page answers rounds with the numbers of Node, and leaves', async () => {
  const settings = { ...SETTINGS, labels: ['blue', 'green', 'red'] };
  const state = await firstState({ model: project.model, settings });
  const expected = await round({
    model: project.model,
    data: project.data,
    state,
    settings: { ...SETTINGS, device: 'cpu' },
  });
  const config = { epoch: 0, epochs: 1, 'server-round': 1 };
  for (const type of ['train', 'evaluate']) await superlink.ask(askedRound(state, SETTINGS, config), type);
  const page = await (await browser.newContext()).newPage();
  await page.goto(site.address);
  await page.waitForFunction(() => 'thaw' in globalThis);
  const events = await page.evaluate(nodeInPage, await ownPartOfPage(project));
  await page.context().close();
  expect(events).toEqual(['joined', 'message', 'answered', 'message', 'answered', 'left']);
  expect([superlink.nodes.size, superlink.active.size]).toEqual([0, 0]);
  const [trained, measured] = superlink.replies.map(({ content }) => content!);
  const arrays = trained.get('arrays');
  const reached = arrays?.kind === 'arrays' ? arrays.arrays : new Map();
  expect([...reached.keys()]).toEqual([...tensorsOf(expected.state!).keys()]);
  for (const [name, { data }] of tensorsOf(expected.state!)) {
    const other: TensorData = reached.get(name)!.data;
    const apart = Array.from(data as Float32Array, (value, i) => Math.abs(value - (other[i] as number)));
    expect(Math.max(...apart), name).toBeLessThan(1e-5);
  }
  expect(metricsOf(measured)?.get('num-examples')).toBe(12n);
});
