// The studio for other devices: addresses, tokens and host names.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { type IncomingMessage, type RequestOptions, request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import { hostname, type NetworkInterfaceInfo, networkInterfaces, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { type ServeOptions, type Serving, serve } from '../../src/node/commands/serving.ts';
import { filesOf, serveStudio } from '../../src/node/commands/studio.ts';
import { ALL_NETWORKS, newToken, ownAddresses, withoutToken } from '../../src/node/network.ts';
import { needs } from '../needs.ts';

const TLS = 'test/fixtures/tls.pem';

const ipv4 = (address: string, internal = false): NetworkInterfaceInfo => ({
  ...{ address, internal, family: 'IPv4', netmask: '255.255.255.0', mac: '00:00:00:00:00:00', cidr: null },
});

describe('the addresses of a machine', () => {
  test('have the one of the home network first, and no address of the machine itself', () => {
    const found = ownAddresses({
      lo: [ipv4('127.0.0.1', true)],
      docker0: [ipv4('172.17.0.1')],
      eth1: [ipv4('169.254.7.7')],
      tailscale0: [ipv4('100.101.1.1')],
      eth0: [ipv4('10.1.2.3'), { ...ipv4('fe80::1'), family: 'IPv6', scopeid: 2 }],
      wlan0: [ipv4('192.168.178.23')],
    });
    expect(found).toEqual(['192.168.178.23', '10.1.2.3', '172.17.0.1', '100.101.1.1', '169.254.7.7']);
  });
});

describe('a token', () => {
  test('is another one each time, and stands in a URL as it is', () => {
    const tokens = new Set(Array.from({ length: 50 }, newToken));
    expect(tokens.size).toBe(50);
    for (const token of tokens) expect(token).toMatch(/^[\w-]{22}$/);
  });

  test.each([
    ['/T0ken/', '/'],
    ['/T0ken/assets/index.js?v=1', '/assets/index.js?v=1'],
    ['/T0ken', ''],
    ['/T0ken?x', '?x'],
    ['/', undefined],
    ['/t0ken/', undefined],
    ['/T0ken2/', undefined],
    ['/T0ke/', undefined],
    ['/assets/T0ken/', undefined],
    ['//T0ken/', undefined],
    ['/%540ken/', undefined],
    ['http://localhost/T0ken/', undefined],
    ['*', undefined],
  ])('in %s leaves %s', (url, rest) => {
    expect(withoutToken(url, 'T0ken')).toBe(rest);
  });
});

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'thaw-network-'));
  writeFileSync(join(folder, 'index.html'), '<p>the page');
  writeFileSync(join(folder, 'worker.js'), '0');
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

let serving: Serving | undefined;
afterEach(() => serving?.close());

const TOKEN = newToken();
async function served(options: ServeOptions = {}): Promise<{ readonly port: string; readonly address: string }> {
  serving = await serve(folder, 0, { network: { host: ALL_NETWORKS, token: TOKEN }, ...options });
  const { address } = serving;
  return { port: new URL(address).port, address };
}

/** `fetch` sets some headers itself, and follows redirects. */
const get = (url: string, options: RequestOptions = {}) =>
  new Promise<IncomingMessage>((resolve, reject) => {
    const send = url.startsWith('https:') ? requestHttps : requestHttp;
    const sent = send(url, { rejectUnauthorized: false, ...options } as RequestOptions, (response) => {
      response.resume();
      resolve(response);
    });
    sent.on('error', reject).end();
  });

describe('a server for the network', () => {
  test('gives its files behind the token, and nothing without it', async () => {
    const { address, port } = await served();
    expect(address).toBe(`http://127.0.0.1:${port}/${TOKEN}/`);
    expect((await get(address)).statusCode).toBe(200);
    expect((await get(`${address}worker.js`)).statusCode).toBe(200);
    for (const path of [
      '',
      'worker.js',
      'index.html',
      `${newToken()}/`,
      `${TOKEN.toLowerCase()}x/worker.js`,
      'nothing',
    ])
      expect((await get(`http://127.0.0.1:${port}/${path}`)).statusCode).toBe(403);
    expect((await get(`${address}..%2fworker.js`)).statusCode).toBe(404);
    expect((await get(address, { method: 'POST' })).statusCode).toBe(405);
  });

  test('completes an address that lacks its last slash', async () => {
    const { address } = await served();
    for (const url of [address.slice(0, -1), `${address.slice(0, -1)}?from=code`]) {
      const { statusCode, headers } = await get(url);
      expect([statusCode, headers.location]).toEqual([308, `/${TOKEN}/`]);
    }
  });

  test('answers to the names of this machine only, even with the token', async () => {
    const { address, port } = await served();
    const status = async (host: string) => (await get(address, { headers: { host } })).statusCode;
    const own = Object.values(networkInterfaces()).flatMap((infos = []) => infos);
    const addresses = own.map(({ address, family }) => (family === 'IPv6' ? `[${address}]` : address));
    for (const name of ['localhost', hostname(), `${hostname()}.local`.toUpperCase(), ...addresses])
      expect(await status(`${name}:${port}`)).toBe(200);
    for (const host of [`rebound.example:${port}`, 'localhost', `192.0.2.77:${port}`, `127.0.0.1.nip.io:${port}`])
      expect(await status(host)).toBe(421);
  });

  test('is there at each of its addresses', async () => {
    const { port } = await served();
    expect(serving!.network).toEqual(ownAddresses().map((address) => `http://${address}:${port}/${TOKEN}/`));
    for (const address of serving!.network) expect((await get(address)).statusCode).toBe(200);
  });

  test('tells the page its addresses', async () => {
    const { address } = await served({ files: filesOf(undefined, () => serving!.network) });
    const response = await fetch(`${address}served.json`);
    expect(await response.json()).toEqual({ network: serving!.network });
  });

  const addresses = Object.values(networkInterfaces()).flatMap((infos = []) => infos.map(({ address }) => address));
  test('of a single address listens there', needs(addresses.includes('::1'), 'IPv6'), async () => {
    const { address } = await served({ network: { host: '::1', token: TOKEN } });
    expect(serving!.network).toEqual([address]);
    expect(address).toMatch(/^http:\/\/\[::1\]:\d+\//);
    expect((await get(address)).statusCode).toBe(200);
  });

  test('speaks https with a certificate', async () => {
    const pem = readFileSync(TLS);
    const { address } = await served({ tls: { cert: pem, key: pem } });
    expect(address).toMatch(/^https:/);
    expect((await get(address)).statusCode).toBe(200);
  });
});

describe('thaw studio refuses', () => {
  test.each([
    [{ cert: TLS }, 'a certificate and its key need each other'],
    [{ cert: 'nothing.pem', key: TLS }, 'cannot read nothing.pem (ENOENT)'],
    [{ cert: 'package.json', key: TLS }, 'package.json and test/fixtures/tls.pem are not a certificate and its key'],
    [{ port: -1 }, '-1 is not a port'],
    [{ host: '192.0.2.253' }, '192.0.2.253 is not an address of this machine'],
    [{ host: 'no-such-name.invalid' }, 'no-such-name.invalid is not an address of this machine'],
  ])('%j', async (options, message) => {
    await expect(serveStudio({ port: 0, ...options })).rejects.toThrow(message);
  });

  test('a port that is in use', async () => {
    const { port } = await served();
    await expect(serveStudio({ port: Number(port) })).rejects.toThrow(`port ${port} is in use`);
  });
});
