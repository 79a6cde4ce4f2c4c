import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { type Progress, type ResolvedModel, resolveModel } from '../../../src/node/models/index.ts';
import { guarded } from '../../../src/node/models/network.ts';
import { commit, FakeServer, HUB_VARIABLES, onnxBytes, sha256 } from './server.ts';

let server: FakeServer;
let cacheDir: string;
const model = onnxBytes(300_000);

beforeEach(async () => {
  cacheDir = await mkdtemp(join(tmpdir(), 'thaw-cache-'));
  server = new FakeServer();
  vi.stubEnv('HF_ENDPOINT', await server.start());
  vi.stubEnv('HF_HOME', join(cacheDir, 'huggingface'));
  for (const name of HUB_VARIABLES) vi.stubEnv(name, undefined);
  server.files.set('ann/net/onnx/model.onnx', model);
  server.files.set('ann/net/onnx/model.onnx_data', Buffer.from('external weights'));
  server.files.set('ann/net/config.json', Buffer.from('{"id2label":{"0":"ant"}}'));
  server.files.set('ann/net/preprocessor_config.json', Buffer.from('{"size":224}'));
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await server.stop();
  await rm(cacheDir, { recursive: true, force: true });
});

/** All facts about a model, including its digest. */
const whole = async (resolved: ResolvedModel) => ({ ...resolved, sha256: await resolved.sha256() });

const parts = async () =>
  (await readdir(cacheDir, { recursive: true })).filter((file) => file.toString().endsWith('.incomplete'));

describe('hf:', () => {
  const resolve = (spec = 'hf:ann/net', onProgress?: (p: Progress) => void) =>
    resolveModel(spec, { cacheDir, onProgress });

  test('downloads a model with its data and configuration, and reports progress', async () => {
    const progress: Progress[] = [];
    const resolved = await resolve('hf:ann/net', (p) => progress.push(p));
    expect(resolved).toMatchObject({
      name: 'net',
      source: 'hf:ann/net',
      preprocessing: { size: 224 },
      config: { id2label: { 0: 'ant' } },
    });
    expect(await resolved.sha256()).toBe(sha256(model));
    expect(resolved.path.startsWith(resolved.folder)).toBe(true);
    expect(resolved.folder).toContain(commit);
    expect(await readFile(resolved.path)).toEqual(model);
    expect(await readFile(`${resolved.path}_data`, 'utf8')).toBe('external weights');
    const last = progress.filter(({ file }) => file === 'model.onnx').at(-1);
    expect(last).toEqual({ file: 'model.onnx', received: model.length, total: model.length });
    expect(await parts()).toEqual([]);
  });

  test('a second use asks for the commit of a branch only, and a commit needs no network', async () => {
    const first = await resolve();
    server.log.length = 0;
    expect(await whole(await resolve())).toEqual(await whole(first));
    expect(server.log).toEqual(['GET api/models/ann/net/revision/main']);
    expect((await resolve(`hf:ann/net@${commit}`)).path).toBe(first.path);
    vi.stubEnv('HF_HUB_OFFLINE', '1');
    expect(await whole(await resolve())).toEqual(await whole(first));
    await expect(resolve('hf:ann/other')).rejects.toMatchObject({
      code: 'not-found',
      message: 'hf:ann/other is not in the cache, and HF_HUB_OFFLINE forbids a download',
    });
    expect(server.log).toHaveLength(1);
  });

  test.each([
    ['is unreachable', () => server.stop(), /^cannot reach 127/],
    ['fails', () => Object.assign(server, { refuse: { path: /./, status: 503 } }), /answered 503 for hf:ann\/net/],
    ['refuses', () => Object.assign(server, { refuse: { path: /./, status: 401 } }), /is private, gated/],
  ])('if the hub %s, the last known commit is used, with a notice', async (_, break_, notice) => {
    const first = await resolve();
    await break_();
    const notices: string[] = [];
    const second = await resolveModel('hf:ann/net', { cacheDir, onNotice: (message) => notices.push(message) });
    expect(await whole(second)).toEqual(await whole(first));
    expect(notices).toEqual([expect.stringMatching(notice)]);
    expect(notices[0]).toContain('the last known commit of hf:ann/net is used');
  });

  test('a cached model that has changed on disk is downloaded again', async () => {
    const { path } = await resolve();
    await writeFile(path, onnxBytes(300_001).subarray(0, model.length));
    expect(await (await resolve()).sha256()).toBe(sha256(model));
    await rm(`${path}_data`);
    await resolve();
    expect(await readFile(`${path}_data`, 'utf8')).toBe('external weights');
  });

  test('an interrupted transfer resumes at its last byte', async () => {
    server.cut = { after: 100_000, times: 1 };
    expect(await (await resolve()).sha256()).toBe(sha256(model));
    const resumed = server.ranges.filter((range) => !range.startsWith('bytes=0-'));
    expect(resumed).toHaveLength(1);
    expect(Number(/=(\d+)/.exec(resumed[0])?.[1])).toBeGreaterThan(0);
  });

  test('repeated interruptions are an error, and the next use finishes the transfer', async () => {
    server.cut = { after: 50_000, times: 3 };
    await expect(resolve()).rejects.toMatchObject({
      code: 'network',
      message: expect.stringMatching(/the transfer of hf:ann\/net\/onnx\/model\.onnx stopped at \d+ of 300\d+ bytes/),
      hint: expect.stringContaining('resume the download'),
    });
    expect(await parts()).toHaveLength(1);
    server.ranges.length = 0;
    expect(await (await resolve()).sha256()).toBe(sha256(model));
    expect(server.ranges.some((range) => !range.startsWith('bytes=0-'))).toBe(true);
    expect(await parts()).toEqual([]);
  });

  test('a signal ends a transfer, and the next one resumes it', async () => {
    server.cut = { after: 100_000, times: 1 };
    server.stall = true;
    const asked = new AbortController();
    const onProgress = ({ file }: Progress) => file === 'model.onnx' && asked.abort();
    await expect(resolveModel('hf:ann/net', { cacheDir, signal: asked.signal, onProgress })).rejects.toMatchObject({
      name: 'AbortError',
    });
    expect(await parts()).toHaveLength(1);
    server.stall = false;
    server.ranges.length = 0;
    expect(await (await resolve()).sha256()).toBe(sha256(model));
    expect(server.ranges.some((range) => !range.startsWith('bytes=0-'))).toBe(true);
  });

  test('the next process resumes the transfer of a killed one', async () => {
    server.cut = { after: 100_000, times: 1 };
    server.stall = true;
    const source = `import { resolveModel } from '${new URL('../../../src/node/models/index.ts', import.meta.url)}';
      await resolveModel('hf:ann/net', { cacheDir: process.argv[1], onProgress: (p) => console.log(JSON.stringify(p)) });`;
    const child = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', source, cacheDir]);
    let printed = '';
    for await (const text of child.stdout) {
      printed += text;
      if (/"model\.onnx","received":[1-9]/.test(printed)) break;
    }
    child.kill('SIGKILL');
    await once(child, 'close');
    expect(await parts()).toHaveLength(1);
    server.ranges.length = 0;
    expect(await (await resolve()).sha256()).toBe(sha256(model));
    expect(server.ranges.some((range) => /bytes=[1-9]\d+-/.test(range))).toBe(true);
    expect(await parts()).toEqual([]);
  });

  test('damage is detected, and nothing is kept', async () => {
    server.lie = 'f'.repeat(64);
    await expect(resolve()).rejects.toMatchObject({
      code: 'network',
      message: expect.stringMatching(/is damaged: its SHA-256 is [0-9a-f]{64}, not f{64}/),
    });
    expect(await parts()).toEqual([]);
    server.lie = undefined;
    expect(await (await resolve()).sha256()).toBe(sha256(model));
  });

  test('refuses more bytes than announced', async () => {
    server.understate = 1000;
    await expect(resolve()).rejects.toMatchObject({
      code: 'network',
      message: expect.stringMatching(/onnx\/model\.onnx(_data)? is larger than expected/),
    });
  });

  test('parallel calls share one transfer', async () => {
    const all = await Promise.all(Array.from({ length: 5 }, () => resolve()));
    expect(new Set(all.map(({ path }) => path)).size).toBe(1);
    expect(server.log.filter((line) => line === 'GET cdn/ann/net/onnx/model.onnx').length).toBeLessThanOrEqual(2);
    expect(await parts()).toEqual([]);
  });

  test.each([
    ['hf:ann/none', undefined, 404, 'not-found', /no revision main/, /thaw models/],
    ['hf:ann/net', /^api/, 401, 'network', /private, gated or does not exist/, /set HF_TOKEN/],
    ['hf:ann/net', /resolve/, 403, 'network', /private, gated or does not exist/, /Accept its terms/],
    ['hf:ann/net', /^api/, 429, 'network', /answered 429/, /Wait/],
    ['hf:ann/net', /^api/, 500, 'network', /answered 500/, /later/],
  ])('%s: reports %s with status %i', async (spec, path, status, code, message, hint) => {
    if (path) server.refuse = { path, status };
    await expect(resolve(spec)).rejects.toMatchObject({
      code,
      message: expect.stringMatching(message),
      hint: expect.stringMatching(hint),
    });
  });

  test('the token goes to the hub; the hint asks for a token, or to accept the terms', async () => {
    vi.stubEnv('HF_TOKEN', 'hf_secret');
    server.refuse = { path: /^ann\/net\/resolve.*onnx/, status: 403 };
    const error = await resolve().catch((e) => e);
    expect(error.line).toContain('with the account of HF_TOKEN');
    expect(error.line).not.toContain('hf_secret');
    expect(server.authorizations[0]).toBe('Bearer hf_secret');
    vi.stubEnv('HF_TOKEN', 'secret');
    await expect(resolve()).rejects.toMatchObject({ code: 'bad-config' });
  });

  test('file names outside the cache are never requested', async () => {
    server.strangers = ['../../evil.onnx', 'onnx/model.onnx_data/../../../evil', '/etc/passwd', 'onnx/..\\evil.onnx'];
    await resolve();
    expect(server.log.filter((line) => line.includes('evil') || line.includes('passwd'))).toEqual([]);
    for (const spec of ['hf:../net', 'hf:ann/..', 'hf:ann', 'hf:ann/net@../x', 'hf:ann/net@', 'hf:a/b/c', 'hf:.x/y'])
      await expect(resolve(spec)).rejects.toMatchObject({ code: 'bad-config' });
  });

  test('reports a repository without ONNX weights', async () => {
    server.files.set('ann/torch/model.safetensors', Buffer.from('x'));
    await expect(resolve('hf:ann/torch')).rejects.toMatchObject({
      code: 'not-found',
      hint: expect.stringContaining('ONNX weights'),
    });
  });

  test('weights that are not an ONNX model are not kept', async () => {
    server.files.set('ann/page/model.onnx', Buffer.from('<html>'));
    await expect(resolve('hf:ann/page')).rejects.toMatchObject({ code: 'bad-model' });
    expect(await parts()).toEqual([]);
  });

  test("a complete snapshot in Hugging Face's cache is used in place", async () => {
    const home = join(cacheDir, 'huggingface/hub/models--ann--net');
    const files = { [`blobs/${sha256(model)}`]: model, 'refs/main': commit };
    const configs = { 'config.json': '{}', 'preprocessor_config.json': '{"size":1}' };
    const snapshot = Object.entries(configs).map(([file, text]) => [`snapshots/${commit}/${file}`, text] as const);
    for (const [file, content] of [...Object.entries(files), ...snapshot]) {
      await mkdir(dirname(join(home, file)), { recursive: true });
      await writeFile(join(home, file), content);
    }
    const onnx = join(home, `snapshots/${commit}/onnx`);
    await mkdir(onnx);
    await symlink(`../../../blobs/${sha256(model)}`, join(onnx, 'model.onnx'));
    const resolved = await resolve();
    expect(resolved).toMatchObject({ folder: dirname(onnx), preprocessing: { size: 1 } });
    expect(await resolved.sha256()).toBe(sha256(model));
    // Only the external data was missing.
    expect(server.log.filter((line) => /cdn|resolve/.test(line) && !line.includes('onnx_data'))).toEqual([]);
    // A partial snapshot does not show which files exist.
    await rm(join(home, `snapshots/${commit}/config.json`));
    vi.stubEnv('HF_HUB_OFFLINE', '1');
    await expect(resolve()).rejects.toMatchObject({ code: 'not-found' });
  });
});

describe('an address', () => {
  const resolve = (path: string) => resolveModel(server.url + path, { cacheDir });

  test('a model with its configuration in the parent folder, then from the cache', async () => {
    const resolved = await resolve('/ann/net/onnx/model.onnx?key=1');
    expect(resolved).toMatchObject({ name: 'net', preprocessing: { size: 224 }, config: {} });
    expect(await resolved.sha256()).toBe(sha256(model));
    const requests = server.log.length;
    expect(await whole(await resolve('/ann/net/onnx/model.onnx?key=1'))).toEqual(await whole(resolved));
    expect(server.log.length).toBe(requests);
  });

  test('a model without configuration', async () => {
    server.files.set('plain/small.onnx', model);
    server.files.set('plain/config.json', Buffer.from('<html>the front page</html>'));
    const resolved = await resolve('/plain/small.onnx');
    expect(resolved.name).toBe('small');
    expect(resolved).not.toHaveProperty('preprocessing');
    expect(resolved).not.toHaveProperty('config');
  });

  test('verifies the checksum in the address', async () => {
    const path = '/ann/net/onnx/model.onnx';
    await expect(resolve(`${path}#sha256=${'0'.repeat(64)}`)).rejects.toMatchObject({
      code: 'network',
      message: expect.stringContaining('is damaged'),
    });
    await expect(resolve(`${path}#sha256=12`)).rejects.toMatchObject({ code: 'bad-config' });
    expect(await (await resolve(`${path}#sha256=${sha256(model)}`)).sha256()).toBe(sha256(model));
    // The cached file does not match another checksum either.
    await expect(resolve(`${path}#sha256=${'0'.repeat(64)}`)).rejects.toMatchObject({ code: 'network' });
  });

  test.each([false, true])('an interrupted transfer finishes, even without range requests (%s)', async (noRanges) => {
    server.noRanges = noRanges;
    server.cut = { after: 100_000, times: 2 };
    expect(await (await resolve('/ann/net/onnx/model.onnx')).sha256()).toBe(sha256(model));
    expect(await parts()).toEqual([]);
  });

  test('a transfer does not resume with bytes of a changed file', async () => {
    server.cut = { after: 100_000, times: 3 };
    await expect(resolve('/ann/net/onnx/model.onnx')).rejects.toMatchObject({ code: 'network' });
    const other = onnxBytes(310_000);
    server.files.set('ann/net/onnx/model.onnx', other);
    expect(await (await resolve('/ann/net/onnx/model.onnx')).sha256()).toBe(sha256(other));
  });

  test.each([
    ['/none.onnx', 'not-found', /does not exist/],
    ['/page.onnx', 'bad-model', /an HTML page/],
    ['/pointer.onnx', 'bad-model', /Git LFS pointer/],
    ['/secret.onnx', 'network', /requires permission/],
  ])('refuses %s', async (path, code, message) => {
    server.files.set('page.onnx', Buffer.from('<!doctype html>'));
    server.files.set('pointer.onnx', Buffer.from('version https://git-lfs.github.com/spec/v1\n'));
    server.refuse = { path: /^secret/, status: 403 };
    const error = await resolve(`${path}?token=hidden`).catch((e) => e);
    expect(error).toMatchObject({ name: 'ThawError', code, message: expect.stringMatching(message) });
    expect(error.line).not.toContain('hidden');
    expect(await parts()).toEqual([]);
  });

  test('refuses other schemes, and plain http to other machines, without a request', async () => {
    const never = vi.fn();
    for (const spec of ['http://example.com/a.onnx', 'ftp://example.com/a.onnx', 'file:///a.onnx', 'https:'])
      await expect(resolveModel(spec, { cacheDir, fetch: never })).rejects.toMatchObject({ code: 'network' });
    expect(never).not.toHaveBeenCalled();
  });

  const redirect = (location: string) => new Response(null, { status: 302, headers: { location } });

  test('refuses a redirect from an encrypted address to a plain one', async () => {
    const spy = vi.fn<typeof fetch>(async () => redirect('http://127.0.0.1:1/x'));
    await expect(resolveModel('https://b.example/m.onnx', { cacheDir, fetch: spy })).rejects.toMatchObject({
      code: 'network',
      message: expect.stringContaining('not encrypted'),
    });
    expect(spy).toHaveBeenCalledTimes(1);
  });

  test('a redirect to another host drops the token, and redirect loops end', async () => {
    const seen: [string, string | null][] = [];
    const spy: typeof fetch = async (url, init) => {
      seen.push([String(url), new Headers(init?.headers).get('authorization')]);
      return String(url).includes('a.example') ? redirect('https://b.example/x') : redirect('/y');
    };
    const headers = { authorization: 'Bearer hf_x' };
    await expect(guarded(spy)('https://a.example/', { headers })).rejects.toMatchObject({
      message: expect.stringContaining('redirects too often'),
    });
    expect(seen[0]).toEqual(['https://a.example/', 'Bearer hf_x']);
    expect(seen[1]).toEqual(['https://b.example/x', null]);
  });

  test('reports an unreachable server and an unknown host', async () => {
    await expect(resolveModel('http://127.0.0.1:1/a.onnx', { cacheDir })).rejects.toMatchObject({
      code: 'network',
      message: expect.stringContaining('cannot reach 127.0.0.1:1'),
    });
  });

  test('reports a cache that is not writable', async () => {
    await writeFile(join(cacheDir, 'file'), '');
    await expect(
      resolveModel(`${server.url}/ann/net/onnx/model.onnx`, { cacheDir: join(cacheDir, 'file') }),
    ).rejects.toMatchObject({ code: 'bad-config', hint: expect.stringContaining('THAW_CACHE') });
  });
});
