/** Wrong `assets` are named by the file that is wrong. */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { folderAddress, startError } from '../../src/runtime/web/assets.ts';

const MODULE = ['text/javascript', 'export default 1'];
const WEBASSEMBLY = ['application/octet-stream', '\0asm\x01\0\0\0'];
const PAGE = ['text/html', '<!doctype html>'];
const FILES: Readonly<Record<string, readonly string[]>> = {
  '/right/ort-wasm-simd-threaded.mjs': MODULE,
  '/right/ort-wasm-simd-threaded.wasm': WEBASSEMBLY,
  '/page/ort-wasm-simd-threaded.mjs': PAGE,
  '/half/ort-wasm-simd-threaded.mjs': MODULE,
  '/damaged/ort-wasm-simd-threaded.mjs': MODULE,
  '/damaged/ort-wasm-simd-threaded.wasm': ['application/wasm', '<html>'],
};

let server: Server;
let address: string;
beforeAll(async () => {
  server = createServer(({ url }, response) => {
    const [type, contents] = FILES[url!] ?? [];
    response.writeHead(type ? 200 : 404, type ? { 'Content-Type': type } : {}).end(contents);
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => server.close());

const cause = new Error('no available backend found. ERR: [wasm] it failed');
const HINT =
  'Remove assets if a bundler builds the page. Otherwise, serve node_modules/onnxruntime-web/dist of version 1.30.0 there';

test.each([
  ['none', 'ort-wasm-simd-threaded.mjs is not there: the server answered 404'],
  ['page', 'ort-wasm-simd-threaded.mjs is not JavaScript: the server sent text/html'],
  ['half', 'ort-wasm-simd-threaded.wasm is not there: the server answered 404'],
  ['damaged', 'ort-wasm-simd-threaded.wasm is not WebAssembly: the server sent application/wasm'],
])('%s', async (folder, problem) => {
  const error = await startError({ device: 'wasm', assets: `${address}/${folder}/`, version: '1.30.0' }, cause);
  expect(error).toMatchObject({ code: 'device', hint: HINT, cause });
  expect(error.message).toBe(`assets is wrong: ${address}/${folder}/${problem}`);
});

test('WebGPU has other files', async () => {
  const error = await startError({ device: 'webgpu', assets: `${address}/right/`, version: undefined }, cause);
  expect(error.message).toContain('/right/ort-wasm-simd-threaded.asyncify.mjs is not there');
});

test('a server that does not answer', async () => {
  const error = await startError({ device: 'wasm', assets: 'http://127.0.0.1:1/', version: undefined }, cause);
  expect(error.message).toMatch(
    /^assets is wrong: http:\/\/127\.0\.0\.1:1\/ort-wasm-simd-threaded\.mjs cannot be fetched: /,
  );
});

test('right files, and none named, leave the reason of ONNX Runtime', async () => {
  const right = await startError({ device: 'wasm', assets: `${address}/right/`, version: '1.30.0' }, cause);
  expect(right.line).toBe(
    `ONNX Runtime cannot start wasm with the files at ${address}/right/: ${cause.message}. ${HINT}`,
  );
  const none = await startError({ device: 'wasm', assets: undefined, version: '1.30.0' }, cause);
  expect(none.message).toBe(`ONNX Runtime cannot start wasm: ${cause.message}`);
  expect(none.hint).toContain('set assets to its address');
});

test('a folder is an address with a slash at its end', () => {
  expect(folderAddress('https://example.org/ort')).toBe('https://example.org/ort/');
  expect(folderAddress(new URL('https://example.org/ort/'))).toBe('https://example.org/ort/');
});
