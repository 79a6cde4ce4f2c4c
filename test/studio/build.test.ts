// The built page is what people open: it must need nothing but itself.

import { createHash } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { get } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { buildStudio } from '../../scripts/studio/build.ts';
import { META_POLICY, PAGE_POLICY, POLICY, SECURITY_HEADERS } from '../../src/content-security.ts';
import { type Serving, serve } from '../../src/node/commands/serving.ts';
import { offeredModel } from '../../src/node/commands/studio.ts';
import { readModelFile, writeModelFile } from '../../src/node/models/files.ts';
import { readModel } from '../../src/onnx/index.ts';
import { smallModel } from '../small-models.ts';

let folder: string;
let files: readonly string[];
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'thaw-studio-'));
  await buildStudio(folder);
  files = readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .map((file) => file.replaceAll('\\', '/'))
    .filter((file) => statSync(join(folder, file)).isFile());
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const read = (file: string) => readFileSync(join(folder, file), 'utf8');
const scripts = () => files.filter((file) => /\.m?js$/.test(file));

describe('the built page', () => {
  test('has its parts', () => {
    const names = files.map((file) => file.replace(/-[\w-]{8}(?=\.)/, ''));
    expect(names).toEqual(
      expect.arrayContaining([
        ...['index.html', 'service-worker.js', 'licenses.md', 'assets/index.js', 'assets/index.css'],
        ...['assets/worker.js', 'assets/model.onnx', 'assets/config.json', 'assets/preprocessor_config.json'],
      ]),
    );
    expect(files.filter((file) => file.endsWith('.wasm'))).toHaveLength(2);
  });

  test('imports nothing of Node', () => {
    // ONNX Runtime's own loader asks for them in Node only, at run time.
    const ours = scripts().filter((file) => !/ort-wasm/.test(file));
    const wrong = ours.filter((file) =>
      /(?:from|import)\s*\(?["'](?:node:|fs|path|worker_threads|module)\b/.test(read(file)),
    );
    expect(ours.length).toBeGreaterThan(3);
    expect(wrong.filter((file) => !/\/ort\./.test(file))).toEqual([]);
  });

  test('names no address but those of name spaces and in messages', () => {
    // Names that only look like addresses, and what messages advise to read: nothing is fetched from them.
    const known =
      /^https?:\/\/(?:www\.w3\.org\/|json-schema\.org\/|www\.apache\.org\/licenses\/|huggingface\.co$|\*\.huggingface\.co|\*\.hf\.co|web\.dev\/cross-origin-isolation|rolldown\.rs\/in-depth|huggingface\.co\/docs\/transformers\.js|\[)/;
    const looked = files.filter((file) => /\.(?:m?js|css|html|svg|webmanifest)$/.test(file));
    const found = looked.flatMap((file) => read(file).match(/https?:\/\/[^\s"'`<>)]+/g) ?? []);
    expect(found.filter((address) => !known.test(address))).toEqual([]);
    expect(looked.flatMap((file) => read(file).match(/(?:src|href)="(?:\/\/|https?:)/g) ?? [])).toEqual([]);
  });

  test('holds no script, style or address that its security policy refuses', () => {
    const html = read('index.html');
    expect(html).toContain(`http-equiv="Content-Security-Policy" content="${META_POLICY}"`);
    expect(html).not.toContain('%POLICY%');
    expect(html).not.toContain('unsafe-inline');
    expect(html).not.toMatch(/<script(?![^>]*\bsrc=)|<style|\sstyle=|\son\w+=/);
  });

  test('has a service worker that knows all its files', () => {
    const worker = read('service-worker.js');
    const expected = files
      .filter((file) => !/^(?:service-worker\.js|licenses\.md|served\.json)$/.test(file))
      .map((file) => (file === 'index.html' ? './' : file));
    for (const file of expected) expect(worker).toContain(`"${file}"`);
    // It sends what the server sends.
    for (const name of Object.keys(SECURITY_HEADERS)) expect(worker).toContain(name);
  });

  test('brings the licences of its packages', () => {
    const packages = read('licenses.md').match(/^## \S+/gm);
    expect(packages).toEqual(expect.arrayContaining(['## preact', '## onnxruntime-web', '## protobufjs', '## zod']));
  });
});

describe('the server', () => {
  let serving: Serving;
  beforeAll(async () => {
    serving = await serve(folder, 0);
  });
  afterAll(() => serving.close());

  test.each([
    ['', 'text/html; charset=utf-8'],
    ['service-worker.js', 'text/javascript; charset=utf-8'],
    ['manifest.webmanifest', 'application/manifest+json'],
    ['?query', 'text/html; charset=utf-8'],
  ])('gives %j isolated and as %s', async (path, type) => {
    const { status, headers } = await fetch(serving.address + path);
    expect(status).toBe(200);
    expect(headers.get('content-type')).toBe(type);
    expect(headers.get('cross-origin-opener-policy')).toBe('same-origin');
    expect(headers.get('cross-origin-embedder-policy')).toBe('require-corp');
  });

  test.each(['', 'service-worker.js', 'nothing.js'])('sends the policy with %j', async (path) => {
    const { headers } = await fetch(serving.address + path);
    const policy = headers.get('content-security-policy');
    // Only the page reaches the hub.
    expect(policy).toBe(path ? POLICY : PAGE_POLICY);
    expect(POLICY).toContain("connect-src 'self';");
    expect(policy).toContain("frame-ancestors 'none'");
    expect(headers.get('x-frame-options')).toBe('DENY');
    expect(headers.get('referrer-policy')).toBe('no-referrer');
    expect(headers.get('permissions-policy')).toContain('camera=(self), accelerometer=()');
  });

  /** `fetch` sets the header itself. */
  const statusFor = (host: string) =>
    new Promise<number>((resolve, reject) => {
      get(serving.address, { headers: { host } }, (response) => {
        response.resume();
        resolve(response.statusCode!);
      }).on('error', reject);
    });

  test('answers to the names of this machine, and to no other that leads here', async () => {
    const { port } = new URL(serving.address);
    for (const name of ['127.0.0.1', 'localhost', '[::1]']) expect(await statusFor(`${name}:${port}`)).toBe(200);
    for (const host of [
      `rebound.example:${port}`,
      'localhost',
      `localhost:${Number(port) + 1}`,
      `127.0.0.1.nip.io:${port}`,
    ])
      expect(await statusFor(host)).toBe(421);
  });

  test('gives WebAssembly and scripts of ONNX Runtime by their types', async () => {
    const types: Record<string, string> = { '.wasm': 'application/wasm', '.mjs': 'text/javascript; charset=utf-8' };
    for (const [end, type] of Object.entries(types)) {
      const file = files.find((one) => one.endsWith(end))!;
      const { headers } = await fetch(serving.address + file, { method: 'HEAD' });
      expect(headers.get('content-type')).toBe(type);
    }
  });

  test.each(['nothing.js', '..%2fpackage.json', '%2e%2e/%2e%2e/etc/passwd', 'assets', '%00', '%'])(
    'gives nothing for %s',
    async (path) => {
      expect((await fetch(serving.address + path)).status).toBe(404);
    },
  );

  test('gives a folder within it under another name, and nothing beside that', async () => {
    const other = await serve(folder, 0, { folders: { named: 'src' } });
    expect((await fetch(`${other.address}named/version.ts`)).status).toBe(200);
    expect((await fetch(other.address)).status).toBe(200);
    for (const path of [
      'named/..%2fpackage.json',
      'named/%2e%2e/package.json',
      'named',
      'namedversion.ts',
      'hasOwnProperty/x',
    ])
      expect((await fetch(other.address + path)).status).toBe(404);
    await other.close();
  });

  test('only gives', async () => {
    expect((await fetch(serving.address, { method: 'POST' })).status).toBe(405);
  });
});

describe('the model of the command', () => {
  const hash = (contents: Uint8Array) => createHash('sha256').update(contents).digest('hex');

  test('is its file, with its checksum and the files next to it', async () => {
    const { about, contents: path } = await offeredModel('default', {});
    const contents = readFileSync(path as string);
    expect(about).toMatchObject({ name: 'default', size: contents.length, sha256: hash(contents) });
    expect(about.preprocessorConfig).toEqual(
      JSON.parse(readFileSync('artifacts/default/preprocessor_config.json', 'utf8')),
    );
  });

  test('is one file, whatever files it comes in', async () => {
    const path = join(folder, 'external', 'net.onnx');
    const model = await readModelFile('artifacts/default/onnx/model.onnx');
    await writeModelFile(path, model, { externalData: true });
    const { about, contents } = (await offeredModel(path, {})) as { about: unknown; contents: Uint8Array };
    expect(about).toMatchObject({ name: 'net', size: contents.length, sha256: hash(contents) });
    const names = (one: typeof model) => [...one.graph.initializers.keys()];
    expect(names(readModel(contents))).toEqual(names(model));
  });

  test('reads no texts', async () => {
    const model = smallModel({
      nodes: [['Cast', ['input_ids'], ['logits'], { to: 1 }]],
      inputs: { input_ids: ['batch', 4] },
      types: { input_ids: 'int64' },
      outputs: { logits: ['batch', 4] },
    });
    const path = join(folder, 'text.onnx');
    await writeModelFile(path, model);
    await expect(offeredModel(path, {})).rejects.toThrow('text reads texts, but the studio makes image classifiers');
  });
});
