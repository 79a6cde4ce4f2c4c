// Answers over HTTP and HTTPS that are endless, redirect or arrive in tiny parts.

import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type RequestListener, type Server } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { fetchTransport, readWithin, type Transport } from '../../../src/federated/flower/index.ts';
import { transportTo } from '../../../src/node/commands/federated/transport.ts';

const TLS = 'test/fixtures/tls.pem';
let sent = 0;
let elsewhere = 0;

const answer: RequestListener = (request, response) => {
  if (request.url === '/small') return void response.end('abc');
  if (request.url === '/elsewhere') elsewhere++;
  if (request.url === '/moved') return void response.writeHead(307, { location: '/elsewhere' }).end();
  if (request.url === '/declared') return void response.writeHead(200, { 'content-length': '999999999999' }).write('a');
  const part = Buffer.alloc(100_000);
  const more = () => {
    while (!response.destroyed && response.write(part)) sent += part.length;
    if (!response.destroyed) response.once('drain', more);
  };
  more();
};

describe.each(['http', 'https'])('over %s', (scheme) => {
  let server: Server;
  let transport: Transport;
  beforeAll(async () => {
    const pem = readFileSync(TLS);
    server = scheme === 'http' ? createServer(answer) : createSecureServer({ key: pem, cert: pem }, answer);
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
    const address = `127.0.0.1:${(server.address() as AddressInfo).port}`;
    transport =
      scheme === 'http'
        ? fetchTransport(`http://${address}`)
        : await transportTo({ superlink: address, rootCertificates: TLS });
  });
  afterAll(() => {
    server.closeAllConnections();
    server.close();
  });

  const ask = (path: string, limit = 1_000_000) =>
    transport.exchange(path, { headers: {}, signal: AbortSignal.timeout(20_000), limit });

  test('reads an answer', async () => {
    const { status, body } = await ask('/small', 3);
    expect([status, new TextDecoder().decode(body)]).toEqual([200, 'abc']);
  });

  test('reads an endless answer up to the limit', async () => {
    sent = 0;
    await expect(ask('/endless')).rejects.toThrow('more than 1000000 bytes');
    // Includes data in network buffers.
    expect(sent).toBeLessThan(50_000_000);
  });

  test('a declared size allocates nothing', async () => {
    // Node could garbage-collect an unreferenced signal before it fires.
    const signal = AbortSignal.timeout(500);
    const waiting = transport.exchange('/declared', { headers: {}, signal, limit: 1e13 });
    await expect(waiting).rejects.toThrow();
    expect(signal.aborted).toBe(true);
    expect(process.memoryUsage().arrayBuffers).toBeLessThan(1e9);
  });

  test('does not follow redirects', async () => {
    const outcome = await ask('/moved').then(({ status }) => status, String);
    expect([307, expect.stringMatching(/fetch failed|redirect/)]).toContainEqual(outcome);
    expect(elsewhere).toBe(0);
  });
});

test('many small parts take no more memory than their bytes', async () => {
  async function* crumbs() {
    // One byte each, as views of a larger buffer that would stay in memory.
    for (let i = 0; i < 200_000; i++) yield new Uint8Array(10_000).subarray(i % 100, (i % 100) + 1);
  }
  const bytes = await readWithin(1_000_000, crumbs());
  expect(bytes).toHaveLength(200_000);
  expect(bytes.buffer.byteLength).toBeLessThan(1_000_001);
});

test('missing certificates are an error with a hint', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'thaw-transport-'));
  const request = { superlink: '127.0.0.1:1', rootCertificates: join(folder, 'none.pem') };
  await expect(transportTo(request)).rejects.toMatchObject({ hint: 'Check --root-certificates' });
  rmSync(folder, { recursive: true });
});
