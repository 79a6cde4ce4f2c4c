// Users, passwords and queries of addresses stay out of all that is printed and written down.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { ThawError } from '../../src/errors.ts';
import { fetchTransport, SuperLink } from '../../src/federated/flower/superlink.ts';
import { transportTo } from '../../src/node/commands/federated/transport.ts';
import { findLr } from '../../src/node/commands/find-lr.ts';
import { resumeSweep, sweep, train } from '../../src/node/commands/index.ts';
import { resolveModel } from '../../src/node/models/index.ts';
import { publicAddress, withoutSecrets } from '../../src/secrets.ts';
import { thaw } from '../cli/streams.ts';
import { makeProject, type Project } from '../node/commands/project.ts';
import { FakeServer } from '../node/models/server.ts';

/** In every user, password and query below. */
const SECRET = 'swordfish';

const checksum = `#sha256=${'a'.repeat(64)}`;

test.each([
  ['https://swordfish:swordfish@example.org:81/a/model.onnx?key=swordfish', 'https://example.org:81/a/model.onnx'],
  [`https://example.org/model.onnx?swordfish${checksum}`, `https://example.org/model.onnx${checksum}`],
  ['https://swordfish@example.org/model.onnx#swordfish', 'https://example.org/model.onnx'],
  ['https:swordfish:swordfish@example.org/model.onnx', 'https://example.org/model.onnx'],
  ['https://swordfish:sword/fish@example.org/model.onnx', 'https://example.org/model.onnx'],
  ['https://swordfish:@swordfish@[bad/model.onnx?swordfish', 'https://[bad/model.onnx'],
  ['ftp://swordfish:swordfish@example.org', 'ftp://example.org/'],
  ['other:swordfish:swordfish@example.org', 'other:example.org'],
  ['https://example.org/@scope/model.onnx', 'https://example.org/@scope/model.onnx'],
])('%s is shown as %s', (address, shown) => {
  expect(publicAddress(address)).toBe(shown);
});

test('every address in a text is shown so, and all else stays', () => {
  const text =
    "a@b.example? 'https://swordfish:swordfish@c.example/x?swordfish=1', HTTP://swordfish@d.example, C:\\a?b hf:e/f@main";
  expect(withoutSecrets(text)).toBe("a@b.example? 'https://c.example/x', http://d.example/, C:\\a?b hf:e/f@main");
});

test('an error has no secrets in its message, hint and line', () => {
  const error = new ThawError(
    'network',
    'no https://swordfish@a.example/x?swordfish',
    'See https://b.example/?swordfish',
    {},
  );
  expect([error.message, error.hint, error.line].join()).not.toContain(SECRET);
  expect(error.line).toBe('no https://a.example/x. See https://b.example/');
});

describe('a model at an address with secrets', () => {
  let server: FakeServer;
  let project: Project;
  let address: string;
  beforeAll(async () => {
    project = await makeProject({ train: 3, val: 2 });
  });
  afterAll(() => project.remove());
  beforeEach(async () => {
    server = new FakeServer();
    const url = await server.start();
    address = `${url.replace('://', '://swordfish:sword%66ish@')}/net/model.onnx?key=swordfish`;
    for (const file of ['model.onnx', 'preprocessor_config.json'])
      server.files.set(`net/${file}`, readFileSync(join(project.model, file)));
    vi.stubEnv('THAW_CACHE', join(project.folder, `cache-${url.split(':').at(-1)}`));
  });
  afterEach(async () => {
    vi.unstubAllEnvs();
    await server.stop();
  });

  const settings = { device: 'cpu', epochs: 1, preset: 'head-only', batch: 3 } as const;
  const filesIn = (folder: string) =>
    readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map(({ parentPath, name }) => join(parentPath, name));
  const tellingFiles = (folder: string) => filesIn(folder).filter((file) => readFileSync(file).includes(SECRET));

  test('is fetched with its user and password, and is found again without them, and without a network', async () => {
    const resolved = await resolveModel(address);
    expect(server.authorizations).toContain(`Basic ${Buffer.from('swordfish:swordfish').toString('base64')}`);
    const sha256 = await resolved.sha256();
    expect(resolved.source).toBe(`${server.url}/net/model.onnx#sha256=${sha256}`);
    const requests = server.log.length;
    const again = await resolveModel(resolved.source);
    expect(again).toMatchObject({ path: resolved.path, preprocessing: resolved.preprocessing });
    expect(server.log.length).toBe(requests);
    // Another file at the same address is another model.
    await expect(resolveModel(`${resolved.source.slice(0, -4)}0000`)).rejects.toMatchObject({ code: 'network' });
    expect(server.log.length).toBeGreaterThan(requests);
    expect(tellingFiles(process.env.THAW_CACHE!)).toEqual([]);
  });

  test('leaves none of them in a run, its events and its report, and the run can be repeated', async () => {
    const out = join(project.folder, 'run');
    const events: unknown[] = [];
    const onEvent = (event: unknown) => events.push(event);
    await train({ model: address, data: project.data, out, settings }, { onEvent });
    expect(JSON.stringify(events)).not.toContain(SECRET);
    expect(readFileSync(join(out, 'config.yaml'), 'utf8')).toMatch(
      /^model: "?http:\/\/127\.0\.0\.1:\d+\/net\/model\.onnx#sha256=/m,
    );
    expect(tellingFiles(out)).toEqual([]);
    server.files.clear();
    const again = join(project.folder, 'again');
    const { code, err } = await thaw(['train', '--config', join(out, 'config.yaml'), '--out', again]);
    expect({ code, err }).toEqual({ code: 0, err: '' });
    const test = await findLr({ model: address, data: project.data, steps: 10, settings });
    expect(JSON.stringify(test)).not.toContain(SECRET);
  });

  test('leaves none of them in a sweep, which goes on without them', async () => {
    const out = join(project.folder, 'sweep');
    const stop = new AbortController();
    const onEvent = ({ type }: { readonly type: string }) => type === 'trial-end' && stop.abort();
    const request = { model: address, data: project.data, out, settings, try: { seed: [1, 2] } };
    expect((await sweep(request, { onEvent, signal: stop.signal })).status).toBe('interrupted');
    expect(tellingFiles(out)).toEqual([]);
    server.files.clear();
    expect((await resumeSweep(out)).status).toBe('finished');
    expect(tellingFiles(out)).toEqual([]);
  });

  test.each([
    ['a wrong checksum', (url: string) => `${url}#sha256=1`],
    ['another scheme', (url: string) => url.replace('http:', 'ftp:')],
    ['no encryption', (url: string) => url.replace(/@[^/]+/, '@example.org')],
    ['no address', (url: string) => url.replace(/@[^/]+/, '@[bad')],
    ['nothing there', (url: string) => url.replace('net/', 'none/')],
    ['no server', (url: string) => url.replace(/@[^/]+/, '@127.0.0.1:1')],
    ['no permission', (url: string) => url.replace('net/', 'locked/')],
    ['no names of classes', (url: string) => url],
  ])('%s is an error without them, with --debug too', async (_, changed) => {
    server.refuse = { path: /^locked/, status: 403 };
    const { code, out, err } = await thaw(['eval', changed(address), project.data, '--device', 'cpu', '--debug']);
    expect(code).toBe(2);
    expect(out + err).not.toContain(SECRET);
  });

  test('a redirect on the same server keeps them, one elsewhere does not', async () => {
    const seen: (string | null)[] = [];
    const spy: typeof fetch = async (url, init) => {
      expect(String(url)).not.toContain(SECRET);
      seen.push(new Headers(init?.headers).get('authorization'));
      const to = ['https://a.example/b', 'https://b.example/c'][seen.length - 1];
      return new Response(null, to ? { status: 302, headers: { location: to } } : { status: 404 });
    };
    await expect(resolveModel('https://swordfish:x@a.example/m.onnx', { fetch: spy })).rejects.toThrow();
    expect(seen.slice(0, 3)).toEqual([seen[0], seen[0], null]);
    expect(seen[0]).toMatch(/^Basic /);
  });
});

test('the address of a SuperLink is told without them', async () => {
  for (const superlink of [
    'swordfish:swordfish@10.0.0.5:8000',
    'https://swordfish:swordfish@10.0.0.5:8000',
    '10.0.0.5/?swordfish',
  ]) {
    const error = await transportTo({ superlink }).catch((cause: Error) => cause);
    expect(error).toMatchObject({ code: 'bad-config', message: expect.stringMatching(/^10\.0\.0\.5/) });
    expect(String((error as Error).message)).not.toContain(SECRET);
  }
  const transport = fetchTransport('https://swordfish:swordfish@127.0.0.1:1');
  const link = new SuperLink(transport, undefined as never);
  const error = await link.version().catch((cause: Error) => cause);
  expect(`${link.address} ${(error as Error).message}`).not.toContain(SECRET);
});
