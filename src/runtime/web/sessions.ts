import { ThawError } from '../../errors.ts';
import { withoutIntegerKernels } from '../integer-kernels.ts';
import { firstLine, type Ort, wrapSession } from '../ort-session.ts';
import type { Runtime } from '../session.ts';

export interface WebRuntimeOptions {
  /** `webgpu`, or `wasm` for the processor. */
  readonly device: 'webgpu' | 'wasm';
  /** Where ONNX Runtime's `.wasm` and `.mjs` files are served; beside the script that loads them unless given. */
  readonly assets?: string | URL;
  /** Threads of WebAssembly. Half the processor's cores and at most four unless given; a page that is not cross-origin isolated has one. */
  readonly threads?: number;
  /** ONNX Runtime's module, where it is not the package's entry for the device. */
  readonly library?: () => Promise<Ort>;
}

/** ONNX Runtime in a page, a worker, or (WebAssembly only) in Node. */
export function webRuntime({ device, assets, threads, library = libraryFor(device) }: WebRuntimeOptions): Runtime {
  let loading: Promise<Ort> | undefined;
  const load = async () => {
    const ort = await library();
    const { wasm } = ort.env;
    if (assets !== undefined) wasm.wasmPaths = String(assets).replace(/\/?$/, '/');
    if (threads !== undefined) wasm.numThreads = threads;
    return ort;
  };
  return {
    device,
    async load(model, { optimization = 'all', integerKernels = false, resident } = {}) {
      loading ??= load();
      const { InferenceSession, Tensor } = await loading.catch((cause) => {
        throw new ThawError(
          'device',
          `onnxruntime-web cannot be loaded: ${firstLine(cause)}`,
          'Serve its .wasm and .mjs files, and say where with `assets`',
          { cause },
        );
      });
      const kept = device === 'webgpu' ? resident : undefined;
      try {
        const session = await InferenceSession.create(model, {
          executionProviders: [device],
          // As in Node: it takes nearly twice the memory, which WebAssembly never gives back.
          enableMemPattern: false,
          logSeverityLevel: 4,
          ...(!integerKernels && { extra: { session: withoutIntegerKernels } }),
          graphOptimizationLevel: optimization === 'none' ? 'disabled' : 'all',
          ...(kept && { preferredOutputLocation: Object.fromEntries(kept.map((name) => [name, 'gpu-buffer'])) }),
        });
        return wrapSession(session, { Tensor, writesTargets: false, resident: kept });
      } catch (cause) {
        throw new ThawError(
          'bad-model',
          `ONNX Runtime cannot load the model: ${firstLine(cause)}`,
          `Export it again, or use another device than ${device}`,
          { cause },
        );
      }
    },
  };
}

const libraryFor = (device: WebRuntimeOptions['device']) => (): Promise<Ort> =>
  device === 'webgpu' ? import('onnxruntime-web/webgpu') : import('onnxruntime-web/wasm');
