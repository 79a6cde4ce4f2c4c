// WebAssembly in Node: its memory and its threads. test/cli/without-native.slow.test.ts trains on it.
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { tensor, writeModel } from '../../src/onnx/index.ts';
import { nodeRuntime } from '../../src/runtime/node/sessions.ts';
import { wasmRuntime } from '../../src/runtime/node/wasm.ts';
import { withinMemory } from '../../src/training/memory.ts';
import { smallModel } from '../small-models.ts';

const wasm = nodeRuntime('wasm');

/** Expands x to a given shape. */
const expanding = () =>
  wasm.load(
    writeModel(
      smallModel({
        inputs: { x: ['n'], shape: [1] },
        types: { shape: 'int64' },
        outputs: { least: [1] },
        nodes: [
          ['Expand', ['x', 'shape'], ['large']],
          ['ReduceMin', ['large'], ['least'], { keepdims: 1 }],
        ],
      }),
    ),
  );

const feeds = (x: Float32Array, size: number) => ({
  x: tensor('float32', [x.length], x),
  shape: tensor('int64', [1], BigInt64Array.of(BigInt(size))),
});

test.each([
  // Slightly less than 4 GiB. It cannot be allocated, because the module also has its own data.
  ['a value', Float32Array.of(7), 1.0735e9],
  ['a value whose size has more than 32 bits', Float32Array.of(7), 2 ** 31],
  ['an input', new Float32Array(1.0735e9), 1.0735e9],
  ['an input whose size has more than 32 bits', new Float32Array(1.08e9), 1.08e9],
])('running out of memory for %s is a one-line error, and the session still works', async (_, x, size) => {
  const session = await expanding();
  const error = await session.run(feeds(x, size)).catch((cause) => cause);
  expect(error).toMatchObject({
    code: 'memory',
    line: expect.stringMatching(/^WebAssembly is out of memory .*\.[^\n]+$/),
  });
  const { least } = await session.run(feeds(Float32Array.of(3), 5));
  expect(least.data).toEqual(Float32Array.of(3));
  await session.release();
});

test('a training names the batch', async () => {
  const session = await expanding();
  const step = withinMemory('a training step', 8, () => session.run(feeds(Float32Array.of(7), 1.0735e9)));
  await expect(step).rejects.toMatchObject({
    code: 'memory',
    message: 'memory ran out in a training step with a batch of 8',
    hint: expect.stringContaining('--batch 4'),
  });
  await session.release();
});

test('reports its memory limit', () => expect(wasmRuntime().memory).toBe(2 ** 32));

test.each([
  ['are used, and do not keep the process alive', 'script', 2],
  ['are not used if Node cannot start them', 'words', 1],
])('threads %s', async (_, from, threads) => {
  const folder = mkdtempSync(join(tmpdir(), 'thaw-wasm-'));
  const at = (path: string) => JSON.stringify(pathToFileURL(path).href);
  const script = `
    import { wasmRuntime } from ${at('src/runtime/node/wasm.ts')};
    import { writeModel } from ${at('src/onnx/index.ts')};
    import { smallModel } from ${at('test/small-models.ts')};
    import { env } from ${at('node_modules/onnxruntime-common/dist/esm/index.js')};
    const model = writeModel(smallModel({ inputs: { x: [1] }, outputs: { y: [1] }, nodes: [['Add', ['x', 'x'], ['y']]] }));
    const session = await wasmRuntime(2).load(model);
    const { y } = await session.run({ x: { type: 'float32', shape: [1], data: Float32Array.of(2) } });
    console.log(JSON.stringify({ y: [...y.data], threads: env.wasm.numThreads }));`;
  const file = join(folder, 'script.mjs');
  writeFileSync(file, script);
  const words = from === 'script' ? [file] : ['--input-type', 'module', '--eval', script];
  const { stdout } = await promisify(execFile)(process.execPath, ['--import', 'tsx', ...words], { timeout: 60_000 });
  rmSync(folder, { recursive: true });
  expect(JSON.parse(stdout)).toEqual({ y: [4], threads });
});
