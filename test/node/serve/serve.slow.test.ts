// `thaw serve` over HTTP: bodies, answers, limits, access, and its end.
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { request as httpRequest } from 'node:http';
import { connect } from 'node:net';
import { join } from 'node:path';
import { Validator } from '@seriousme/openapi-schema-validator';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { predict } from '../../../src/node/library/index.ts';
import { type ServeOptions, serveModel } from '../../../src/node/serve/index.ts';
import { openApi } from '../../../src/node/serve/openapi.ts';
import { RateLimit } from '../../../src/node/serve/rate.ts';
import { type ServerParts, startServer } from '../../../src/node/serve/server.ts';
import { readServeSettings } from '../../../src/node/serve/settings.ts';
import type { PredictionSettings } from '../../../src/session/index.ts';
import { taskNames } from '../../../src/tasks/index.ts';
import { SIGNALS } from '../../needs.ts';
import { makeProject, type Project } from '../commands/project.ts';

let project: Project;
let file: string;
let image: Uint8Array<ArrayBuffer>;
const settings: PredictionSettings = { labels: [...'abcde'], device: 'cpu' };

beforeAll(async () => {
  project = await makeProject({ train: 1, val: 2 });
  file = join(project.data, 'val/red/0.png');
  image = new Uint8Array(readFileSync(file));
});
afterAll(() => project.remove());

async function serving(options: ServeOptions = {}) {
  const { url, close } = await serveModel(project.model, { port: 0, settings, ...options });
  onTestFinished(close);
  const get = async (path: string, init: RequestInit = {}) => {
    const response = await fetch(`${url}${path}`, init);
    return { status: response.status, headers: response.headers, json: await response.json() };
  };
  const post = (body: BodyInit, type?: string, path = '/predict') =>
    get(path, { method: 'POST', body, headers: type ? { 'content-type': type } : {} });
  return { url, close, get, post };
}

/** A server with a model that answers when the test wants. */
async function servingFake(input: 'image' | 'text', options: Parameters<typeof readServeSettings>[0] = {}) {
  const waiting: (() => void)[] = [];
  const received: unknown[] = [];
  const parts: ServerParts = {
    model: {
      async predict(samples) {
        received.push(...samples);
        await new Promise<void>((resolve) => waiting.push(resolve));
        return samples.map(() => ({ label: 'a', probability: 1, probabilities: { a: 1 } }));
      },
    },
    card: { name: 'fake', task: 'classification', input, labels: ['a'] },
    settings: readServeSettings({ port: 0, ...options }),
  };
  const server = await startServer(parts);
  const answerAll = () => {
    for (const resolve of waiting.splice(0)) resolve();
  };
  const until = async (count: number) => {
    while (waiting.length < count) await new Promise((wait) => setTimeout(wait, 5));
  };
  return { ...server, waiting, received, answerAll, until };
}

describe('an image', () => {
  test('gets the prediction of thaw predict, to the bit, whichever way it comes', async () => {
    const { post } = await serving();
    const [{ file: _, ...expected }] = await predict({ model: project.model, images: [file], settings });
    const form = new FormData();
    form.append('image', new File([image], 'red.png'));
    const base64 = Buffer.from(image).toString('base64');
    const answers = await Promise.all([
      post(image, 'image/png').then(({ json }) => json),
      post(image, 'application/octet-stream').then(({ json }) => json),
      post(image, 'application/x-www-form-urlencoded').then(({ json }) => json),
      post(JSON.stringify({ images: [base64] }), 'application/json').then(({ json }) => json),
      post(JSON.stringify({ images: [`data:image/png;base64,${base64}`] }), 'application/json').then(
        ({ json }) => json,
      ),
    ]);
    expect(answers).toEqual(answers.map(() => ({ predictions: [expected] })));
    expect((await post(form)).json).toEqual({ predictions: [{ file: 'red.png', ...expected }] });
  });

  test('can come with others, and the best labels be chosen', async () => {
    const { post, get } = await serving({ top: 3 });
    const form = new FormData();
    for (const name of ['red', 'green', 'blue'])
      form.append(
        'image',
        new File([new Uint8Array(readFileSync(join(project.data, 'val', name, '1.png')))], `${name}.png`),
      );
    const { json } = await post(form);
    expect(json.predictions.map(({ file }: { file: string }) => file)).toEqual(['red.png', 'green.png', 'blue.png']);
    for (const { probabilities } of json.predictions) expect(Object.keys(probabilities)).toHaveLength(3);
    const [best] = (await post(image, 'image/png', '/predict?top=1')).json.predictions;
    expect(best.probabilities).toEqual({ [best.label]: best.probability });
    expect((await get('/model')).json).toMatchObject({
      task: 'classification',
      labels: settings.labels,
      size: { width: 16 },
    });
  });
});

describe('an error', () => {
  const cases: [name: string, code: string, status: number, body: () => BodyInit, type?: string, path?: string][] = [
    ['no image', 'unsupported-type', 415, () => 'hello', 'text/plain'],
    ['an empty body', 'unsupported-type', 415, () => ''],
    ['a broken image', 'bad-image', 422, () => image.subarray(0, 400), 'image/png'],
    [
      'an image of an unknown format',
      'bad-image',
      422,
      () => new Uint8Array(Buffer.from('BM\x36\x10\0\0\0\0\0\0'.padEnd(64, '\0'))),
    ],
    ['too many pixels', 'too-large', 413, () => bomb],
    ['a large body', 'too-large', 413, () => new Uint8Array(200_000)],
    [
      'too many images',
      'too-large',
      413,
      () => JSON.stringify({ images: ['aa', 'aa', 'aa', 'aa'] }),
      'application/json',
    ],
    ['no JSON', 'bad-request', 400, () => '{', 'application/json'],
    ['other JSON', 'bad-request', 400, () => '{"image": "aa"}', 'application/json'],
    ['no base64', 'bad-request', 400, () => '{"images": ["a b"]}', 'application/json'],
    ['no images', 'bad-request', 400, () => '{"images": []}', 'application/json'],
    ['a damaged form', 'bad-request', 400, () => 'junk', 'multipart/form-data; boundary=x'],
    ['a form with a text', 'bad-request', 400, () => formWithText(), undefined],
    ['an unknown query', 'bad-request', 400, () => image, 'image/png', '/predict?best=1'],
    ['top 0', 'bad-request', 400, () => image, 'image/png', '/predict?top=0'],
    ['another path', 'not-found', 404, () => image, 'image/png', '/classify'],
    ['another method', 'method-not-allowed', 405, () => image, 'image/png', '/model'],
  ];
  let bomb: Uint8Array<ArrayBuffer>;
  const formWithText = () => {
    const form = new FormData();
    form.append('top', '3');
    return form;
  };

  test('has its status, and a code, a message and a remedy as JSON', async () => {
    bomb = new Uint8Array(
      await sharp({ create: { width: 1100, height: 1000, channels: 3, background: 'red' } })
        .png()
        .toBuffer(),
    );
    const { post, get } = await serving({ maxBody: 0.1, maxPixels: 1, maxSamples: 3 });
    for (const [name, code, status, body, type, path] of cases) {
      const { json, ...answer } = await post(body(), type, path);
      expect({ name, status: answer.status, code: json.error?.code }).toEqual({ name, status, code });
      expect(json.error.message, name).toMatch(/\w/);
    }
    expect((await post(image, 'image/png')).status).toBe(200);
    expect((await get('/health')).json).toEqual({ status: 'ok' });
  });

  test('of a body that grows without a length comes before its end', async () => {
    const { url } = await serving({ maxBody: 0.1 });
    const sent = httpRequest(`${url}/predict`, { method: 'POST', headers: { 'content-type': 'image/png' } });
    const grow = setInterval(() => sent.write(Buffer.alloc(50_000)), 5);
    sent.on('error', () => {});
    const status = await new Promise((resolve) => sent.on('response', ({ statusCode }) => resolve(statusCode)));
    clearInterval(grow);
    sent.destroy();
    expect(status).toBe(413);
  });

  test('of a slow or wrong request is JSON too', async () => {
    const { url, close } = await servingFake('image', { timeout: 0.5 });
    onTestFinished(close);
    const raw = (text: string) =>
      new Promise<string>((resolve) => {
        let answer = '';
        const socket = connect(Number(new URL(url).port), '127.0.0.1', () => socket.write(text));
        socket.on('data', (data) => (answer += data)).on('close', () => resolve(answer));
      });
    expect(await raw('nonsense\r\n\r\n')).toMatch(/^HTTP\/1\.1 400 [\s\S]*"code":"bad-request"/);
    expect(await raw(`GET / HTTP/1.1\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`)).toMatch(
      /^HTTP\/1\.1 431 [\s\S]*"headers-too-large"/,
    );
    expect(await raw(`POST /predict HTTP/1.1\r\nHost: ${new URL(url).host}\r\nContent-Length: 9\r\n\r\n`)).toMatch(
      /^HTTP\/1\.1 408 [\s\S]*"timeout"/,
    );
  });

  test('of the model is logged, and its message stays here', async () => {
    const logged: unknown[] = [];
    const { url, close } = await startServer({
      model: { predict: () => Promise.reject(new Error('secret path /home/me')) },
      card: { name: 'fake', task: 'classification', input: 'text', labels: ['a'] },
      settings: readServeSettings({ port: 0 }),
      onRequest: ({ error }) => logged.push(error),
    });
    onTestFinished(close);
    const response = await fetch(`${url}/predict`, {
      method: 'POST',
      body: 'text',
      headers: { 'content-type': 'text/plain' },
    });
    expect([response.status, await response.text()]).toEqual([500, expect.not.stringContaining('secret')]);
    expect(String(logged[0])).toContain('secret path');
  });
});

test('texts come as JSON or plain', async () => {
  const { url, close, received, answerAll, until } = await servingFake('text');
  onTestFinished(close);
  const post = (body: string, type: string) =>
    fetch(`${url}/predict`, { method: 'POST', body, headers: { 'content-type': type } });
  const answers = [post('{"texts": ["one", "two"]}', 'application/json'), post('three', 'text/plain')];
  await until(2);
  answerAll();
  expect((await Promise.all(answers)).map(({ status }) => status)).toEqual([200, 200]);
  expect(received.sort()).toEqual(['one', 'three', 'two']);
  expect((await post('{"texts": [" "]}', 'application/json')).status).toBe(400);
  expect((await post('{"images": ["aa"]}', 'application/json')).status).toBe(400);
});

describe('access', () => {
  /** With a header that fetch does not allow. */
  const statusOf = (url: string, headers: Record<string, string>) =>
    new Promise((resolve) => httpRequest(url, { headers }, ({ statusCode }) => resolve(statusCode)).end());

  test('is for this machine only, also by its name (DNS rebinding), and not for pages of others', async () => {
    const { url, get } = await serving();
    expect(url).toMatch(/^http:\/\/127\.0\.0\.1:/);
    const { port } = new URL(url);
    expect(await statusOf(url, { host: `localhost:${port}` })).toBe(200);
    for (const host of ['evil.example', `evil.example:${port}`, 'localhost', `127.0.0.1.evil.example:${port}`])
      expect(await statusOf(url, { host }), host).toBe(421);
    expect(await statusOf(url, { origin: 'https://evil.example' })).toBe(403);
    expect(await statusOf(url, { origin: url })).toBe(200);
    expect((await get('/health')).headers.get('access-control-allow-origin')).toBeNull();
  });

  test('of pages of a named origin is allowed', async () => {
    const { url } = await serving({ cors: 'https://shop.example' });
    const preflight = await fetch(`${url}/predict`, {
      method: 'OPTIONS',
      headers: { origin: 'https://shop.example', 'access-control-request-method': 'POST' },
    });
    expect([preflight.status, preflight.headers.get('access-control-allow-origin')]).toEqual([
      204,
      'https://shop.example',
    ]);
    expect(await statusOf(url, { origin: 'https://shop.example' })).toBe(200);
    expect(await statusOf(url, { origin: 'https://evil.example' })).toBe(403);
  });

  test('needs the token, if there is one, but for /health', async () => {
    const { url } = await serving({ token: 'secret', host: '0.0.0.0' });
    const local = url.replace('0.0.0.0', '127.0.0.1');
    for (const [authorization, status] of [
      ['', 401],
      ['Bearer wrong', 401],
      ['Bearer secret', 200],
    ] as const)
      expect(await statusOf(`${local}/model`, { authorization }), authorization).toBe(status);
    expect(await statusOf(`${local}/health`, {})).toBe(200);
  });

  test('is limited by rate', async () => {
    const { get } = await serving({ rate: 2 });
    const statuses = [];
    for (let i = 0; i < 3; i++) statuses.push(await get('/model'));
    expect(statuses.map(({ status }) => status)).toEqual([200, 200, 429]);
    expect(Number(statuses[2].headers.get('retry-after'))).toBeGreaterThan(50);
    expect((await get('/health')).status).toBe(200);
  });

  test('counts each address in a minute', () => {
    let now = 0;
    const limit = new RateLimit(1, () => now);
    expect([limit.take('a'), limit.take('b'), limit.take('a')]).toEqual([0, 0, 60]);
    now = 59_000;
    expect(limit.take('a')).toBe(1);
    now = 60_000;
    expect(limit.take('a')).toBe(0);
  });
});

test('more requests than the queue takes get 503 at once, and a close answers those that have begun', async () => {
  const { url, close, waiting, answerAll, until } = await servingFake('text', { queue: 2 });
  const post = () => fetch(`${url}/predict`, { method: 'POST', body: 'x', headers: { 'content-type': 'text/plain' } });
  const begun = [post(), post()];
  await until(2);
  const refused = await post();
  expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, '1']);
  expect(await refused.json()).toMatchObject({ error: { code: 'overloaded' } });
  const closed = close();
  await expect(post()).rejects.toThrow();
  expect(waiting).toHaveLength(2);
  answerAll();
  expect((await Promise.all(begun)).map(({ status }) => status)).toEqual([200, 200]);
  await closed;
});

describe('settings', () => {
  test('that cannot be are errors', async () => {
    const { url } = await serving();
    const port = Number(new URL(url).port);
    await expect(serveModel(project.model, { port, settings })).rejects.toThrow(`port ${port} is in use`);
    await expect(serveModel(project.model, { host: '203.0.113.7', port: 0, settings })).rejects.toThrow(
      '203.0.113.7 is not an address of this machine',
    );
    for (const wrong of [{ port: 70_000 }, { maxBody: 0 }, { queue: 0 }, { top: 1.5 }])
      await expect(serveModel(project.model, { settings, ...wrong })).rejects.toMatchObject({ code: 'bad-config' });
  });

  test('limit the rate of other machines unless told otherwise', () => {
    const rates = [{}, { host: 'localhost' }, { host: '0.0.0.0' }, { host: '0.0.0.0', rate: 0 }, { rate: 5 }];
    expect(rates.map((options) => readServeSettings(options).rate)).toEqual([0, 0, 600, 0, 5]);
  });
});

describe('the OpenAPI document', () => {
  test('is valid for every task, and names the paths that there are', async () => {
    for (const task of taskNames)
      for (const options of [{}, { token: 'x', top: 3 }]) {
        const input = task === 'classification' && options.token ? 'text' : 'image';
        const card = { name: 'm', task, input, labels: ['a'] } as const;
        const document = openApi(card, readServeSettings(options), 'http://localhost:1');
        const { valid, errors } = await new Validator().validate(JSON.parse(JSON.stringify(document)));
        expect({ task, valid, errors }).toEqual({ task, valid: true, errors: undefined });
      }
    const { get } = await serving();
    const { json } = await get('/openapi.json');
    for (const path of Object.keys(json.paths))
      expect((await fetch(`${json.servers[0].url}${path}`)).status).not.toBe(404);
  });
});

test('the command logs requests as JSON lines, and ends with Ctrl-C', SIGNALS, async () => {
  const words = ['serve', project.model, '--port', '0', '--labels', 'a,b,c,d,e', '--device', 'cpu', '--json'];
  const child = spawn(process.execPath, ['--import', 'tsx', 'src/cli/main.ts', ...words]);
  const lines: Record<string, unknown>[] = [];
  const until = async (type: string) => {
    for (;;) {
      const found = lines.find((line) => line.type === type);
      if (found) return found;
      await new Promise((wait) => setTimeout(wait, 50));
    }
  };
  child.stdout.on('data', (data) => {
    for (const line of String(data).trim().split('\n')) lines.push(JSON.parse(line));
  });
  const { url } = await until('listening');
  expect((await fetch(`${url}/predict`, { method: 'POST', body: image })).status).toBe(200);
  expect(await until('request')).toMatchObject({ method: 'POST', path: '/predict', status: 200, samples: 1 });
  child.kill('SIGTERM');
  expect(await new Promise((resolve) => child.on('close', resolve))).toBe(0);
});
