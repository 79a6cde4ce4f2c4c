import { ThawError } from '../../errors.ts';
import { withoutIntegerKernels } from '../integer-kernels.ts';
import { loadError } from '../load-error.ts';
import { firstLine, type Ort, wrapSession } from '../ort-session.ts';
import { saysOutOfMemory } from '../out-of-memory.ts';
import type { Runtime, Session } from '../session.ts';
import { folderAddress, startError } from './assets.ts';

/** Location of ONNX Runtime's files for a page, and its device. */
export interface WebRuntimeOptions {
  /** `webgpu`, or `wasm` for the processor. */
  readonly device: 'webgpu' | 'wasm';
  /** Address of ONNX Runtime's `.wasm` and `.mjs` files, if they are not where the page's bundler puts them. */
  readonly assets?: string | URL;
  /** WebAssembly threads. Default: half of the cores, at most four. A page without cross-origin isolation has one. */
  readonly threads?: number;
  /** ONNX Runtime's module, if it is not the package's entry for the device. */
  readonly library?: () => Promise<Ort>;
}

/** ONNX Runtime in a page, a worker, or (WebAssembly only) in Node. */
export function webRuntime(options: WebRuntimeOptions): Runtime {
  const { device, threads, library = libraryFor(device) } = options;
  const assets = options.assets === undefined ? undefined : folderAddress(options.assets);
  let loading: Promise<Ort> | undefined;
  const load = async () => {
    const ort = await library();
    const { wasm } = ort.env;
    if (assets !== undefined) wasm.wasmPaths = assets;
    if (threads !== undefined) wasm.numThreads = threads;
    return ort;
  };
  return {
    device,
    memory: device === 'wasm' ? MOST_MEMORY : undefined,
    async load(model, { optimization = 'all', integerKernels = false, resident } = {}) {
      loading ??= load();
      const { InferenceSession, Tensor, env } = await loading.catch((cause) => {
        if (cause instanceof ThawError) throw cause;
        throw new ThawError(
          'device',
          `onnxruntime-web cannot be loaded: ${firstLine(cause)}`,
          'Serve its .wasm and .mjs files, and set `assets` to their address',
          { cause },
        );
      });
      const kept = device === 'webgpu' ? resident : undefined;
      try {
        const session = await InferenceSession.create(model, {
          executionProviders: [device],
          // As in Node: a pattern takes nearly twice the memory, which WebAssembly never returns.
          enableMemPattern: false,
          logSeverityLevel: 4,
          ...(!integerKernels && { extra: { session: withoutIntegerKernels } }),
          graphOptimizationLevel: optimization === 'none' ? 'disabled' : 'all',
          ...(kept && { preferredOutputLocation: Object.fromEntries(kept.map((name) => [name, 'gpu-buffer'])) }),
        });
        const wrapped = wrapSession(session, { Tensor, writesTargets: false, resident: kept });
        return device === 'wasm' ? withinMemory(wrapped) : wrapped;
      } catch (cause) {
        if (device === 'wasm' && ranOut(cause)) throw outOfMemory(cause);
        if (firstLine(cause).startsWith('no available backend found'))
          throw await startError({ device, assets, version: env.versions.web }, cause);
        throw loadError(cause, device, `Export it again, or use another device than ${device}`);
      }
    },
  };
}

/** ONNX Runtime's module for a device. */
export const libraryFor = (device: WebRuntimeOptions['device']) => (): Promise<Ort> =>
  device === 'webgpu' ? import('onnxruntime-web/webgpu') : import('onnxruntime-web/wasm');

/** The version of ONNX Runtime for a device; null if it is unknown. */
export async function webRuntimeVersion(device: WebRuntimeOptions['device']): Promise<string | null> {
  const { env } = await libraryFor(device)();
  return env.versions.web ?? null;
}

/** WebAssembly can address 4 GiB. */
const MOST_MEMORY = 2 ** 32;

/** Sizes have 32 bits, so a tensor of 4 GiB or more overflows them. */
const ranOut = (cause: unknown): boolean => saysOutOfMemory(String(cause)) || /SafeIntOnOverflow/.test(String(cause));

const outOfMemory = (cause: unknown): ThawError =>
  new ThawError(
    'memory',
    'WebAssembly is out of memory (its limit is 4 GiB)',
    'Use a smaller batch or a smaller model, or train fewer layers',
    { cause },
  );

function withinMemory(session: Session): Session {
  const run: Session['run'] = (feeds, fetches) =>
    session.run(feeds, fetches).catch((cause) => {
      throw ranOut(cause) ? outOfMemory(cause) : cause;
    });
  return { ...session, run };
}
