import { canvasReader } from '../data/web/index.ts';
import { ThawError } from '../errors.ts';
import { webRuntime } from '../runtime/web/sessions.ts';
import type { RemotePlatform } from '../worker/index.ts';
import { privateStore } from './private-store.ts';

/** Plain data. */
export interface WebPlatformOptions {
  /** Where ONNX Runtime's `.wasm` and `.mjs` files are served; beside the worker's script unless given. */
  readonly assets?: string;
  /** Threads of WebAssembly; see `webRuntime`. */
  readonly threads?: number;
}

/** What a browser gives to a training: onnxruntime-web, its own decoders, and the origin's private files to keep projects in. */
export function webPlatform({ assets, threads }: WebPlatformOptions): RemotePlatform {
  return {
    async runtime(name) {
      if (name !== 'auto' && name !== 'webgpu' && name !== 'cpu' && name !== 'wasm') {
        throw new ThawError('device', `a page has no ${name}`, 'Use webgpu, wasm or auto');
      }
      // A page has the processor by WebAssembly only.
      const processor = name === 'cpu' || name === 'wasm';
      const gpu = !processor && (await hasWebGpu({ software: name === 'webgpu' }));
      if (name === 'webgpu' && !gpu) {
        throw new ThawError('device', 'this browser has no WebGPU, or no adapter for it', 'Use auto or wasm');
      }
      return webRuntime({ device: gpu ? 'webgpu' : 'wasm', assets, threads });
    },
    reader: (images) =>
      canvasReader((file) => {
        const image = images.get(file)!;
        if (typeof image !== 'string') return image;
        throw new ThawError(
          'bad-data',
          `${image} is a path, and a page reads no files by path`,
          'Give the File itself',
        );
      }),
    cacheMemory: cacheMemory(),
    memory,
    store: privateStore(),
  };
}

/** @param software whether a graphics card that is played by the processor will do: WebAssembly is several times as fast */
async function hasWebGpu({ software }: { readonly software: boolean }): Promise<boolean> {
  const { gpu } = navigator as Partial<Navigator>;
  const adapter = await gpu?.requestAdapter().catch(() => null);
  return Boolean(adapter && (software || !adapter.info.isFallbackAdapter));
}

/** Gibibytes of the device's memory, of which browsers tell 8 at most, or nothing. */
const deviceMemory = (): number | undefined =>
  (navigator as Navigator & { readonly deviceMemory?: number }).deviceMemory;

const memory = (): number => (deviceMemory() ?? 4) * 2 ** 30;

/** Megabytes: a sixteenth of the device's memory. */
const cacheMemory = (): number => ((deviceMemory() ?? 4) * 1024) / 16;
