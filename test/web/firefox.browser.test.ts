/** Firefox, if it is installed or FIREFOX_PATH names it. No driver controls it: its page trains on its own, and sends the results. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { findBrowser } from '../../scripts/test/browsers.ts';
import { train } from '../../src/node/commands/index.ts';
import type { TrainingSettings } from '../../src/session/index.ts';
import { needs } from '../needs.ts';
import { makeProject, type Project } from '../node/commands/project.ts';
import { samplesOf } from '../worker/request.ts';
import { bundleScripts, runtimeAssets, serveFolders } from './browser.ts';
import { difference } from './weights.ts';

const firefox = findBrowser('firefox');

const settings: TrainingSettings = {
  device: 'cpu',
  batch: 6,
  lr: 0.2,
  optimizer: { name: 'sgd', momentum: 0.9 },
  pretrainedRate: 1,
  augment: 'none',
  stages: [
    { train: 'head', epochs: 2 },
    { train: 'last:2', epochs: 2 },
  ],
};

interface Sent {
  readonly error?: string;
  readonly isolated: boolean;
  readonly accuracy: number;
  readonly model: number[];
  /** Of the project when it was opened again. */
  readonly keptAccuracy: number;
  readonly left: string[];
}

/** The page's script: a training that is kept, opened again and forgotten. */
const script = (request: object, back: string) => `
  import * as thaw from '/scripts/thaw.js';
  const request = ${JSON.stringify(request)};
  const send = (sent) => fetch('${back}', { method: 'POST', mode: 'no-cors', body: JSON.stringify(sent) });
  const read = async (from) => (await fetch(from)).blob();
  try {
    const client = thaw.startWorker({ assets: new URL('/ort', location.href).href });
    const samples = request.samples.map(async ({ address, ...rest }) => ({ ...rest, image: await read(address) }));
    const training = await client.open({ ...request, samples: await Promise.all(samples), project: 'colours' });
    await training.train();
    const { files, evaluation } = await training.finish();
    const again = await (await client.reopen('colours')).finish();
    await client.forget('colours');
    await send({
      isolated: crossOriginIsolated,
      accuracy: evaluation.accuracy,
      model: [...new Map(files).get('onnx/model.onnx')],
      keptAccuracy: again.evaluation.accuracy,
      left: await client.projects(),
    });
  } catch (error) {
    await send({ error: String(error) });
  }
`;

describe('Firefox', needs(firefox, 'Firefox: install it, or set FIREFOX_PATH to one'), () => {
  let project: Project;
  let scripts: Awaited<ReturnType<typeof bundleScripts>>;
  let inbox: Server;
  let received: (sent: Sent) => void;
  let native: { readonly model: Uint8Array; readonly accuracy: number };
  const profiles: string[] = [];
  let running: ChildProcess | undefined;

  beforeAll(async () => {
    project = await makeProject();
    scripts = await bundleScripts();
    inbox = createServer(async (request, response) => {
      const parts: Buffer[] = [];
      for await (const part of request) parts.push(part);
      response.end();
      received(JSON.parse(Buffer.concat(parts).toString()));
    });
    await new Promise<void>((done) => {
      inbox.listen(0, '127.0.0.1', done);
    });
    const samples = await samplesOf(project);
    const request = {
      model: `/project/${basename(project.model)}/model.onnx`,
      samples: samples.map(({ image, ...rest }) => ({
        address: `/project/${image!.slice(project.folder.length + 1)}`,
        ...rest,
      })),
      settings,
    };
    const { port } = inbox.address() as AddressInfo;
    writeFileSync(join(scripts.folder, 'firefox.js'), script(request, `http://127.0.0.1:${port}/`));
    const out = join(project.folder, 'native');
    const { after } = await train({ model: project.model, data: project.data, out, settings });
    native = { model: readFileSync(join(out, 'model', 'onnx', 'model.onnx')), accuracy: after!.accuracy };
  });
  afterAll(() => {
    running?.kill();
    inbox?.close();
    scripts?.remove();
    project?.remove();
    for (const profile of profiles) rmSync(profile, { recursive: true, force: true, maxRetries: 5 });
  });

  test.each([
    ['with threads', true],
    ['without threads', false],
  ])('gives the numbers of Node %s', async (_, isolated) => {
    const folders = { scripts: scripts.folder, ort: runtimeAssets(), project: project.folder };
    const site = await serveFolders(folders, isolated, '/scripts/firefox.js');
    const profile = mkdtempSync(join(tmpdir(), 'thaw-firefox-'));
    profiles.push(profile);
    const sent = await new Promise<Sent>((resolve, reject) => {
      received = resolve;
      const args = ['--headless', '--no-remote', '--profile', profile, site.address];
      running = spawn(firefox!, args, { stdio: 'ignore', env: { ...process.env, HOME: profile } });
      running.on('exit', (code) => reject(new Error(`Firefox ended with ${code}`)));
    });
    running!.removeAllListeners('exit');
    const gone = new Promise((resolve) => running!.once('exit', resolve));
    running!.kill();
    await gone;
    await site.close();
    const { model, ...rest } = sent;
    expect(rest).toEqual({ isolated, accuracy: native.accuracy, keptAccuracy: native.accuracy, left: [] });
    expect(difference(Uint8Array.from(model), native.model)).toBeLessThan(1e-4);
  });
});
