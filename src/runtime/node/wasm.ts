import { createRequire } from 'node:module';
import { availableParallelism } from 'node:os';
import type { Runtime } from '../session.ts';
import { webRuntime } from '../web/sessions.ts';
import { loadWeb } from './packages.ts';

const require = createRequire(import.meta.url);

/** The maximum that ONNX Runtime uses by default in a page. */
const MOST_THREADS = 4;

/**
 * ONNX Runtime with WebAssembly in Node, for platforms without a native binary. Its threads are workers that do not keep the process alive.
 *
 * @param threads threads of the process's first session; later sessions have the same. Default: one per core, at most four
 */
export const wasmRuntime = (threads = Math.min(MOST_THREADS, availableParallelism())): Runtime =>
  webRuntime({ device: 'wasm', threads: canStartWorkers() ? threads : 1, library: loadChecked });

/** Workers inherit the process's flags, and Node rejects worker files with this one (`node --input-type=module --eval …`). */
const canStartWorkers = (): boolean => !process.execArgv.some((flag) => flag.startsWith('--input-type'));

async function loadChecked() {
  const ort = await loadWeb();
  ort.env.wasm.wasmPaths = {
    mjs: new URL('./wasm-module.js', import.meta.url),
    // Node reads it by its path.
    wasm: require.resolve('onnxruntime-web/ort-wasm-simd-threaded.wasm'),
  };
  return ort;
}
