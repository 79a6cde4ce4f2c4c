import { canvasReader, overlayUrl } from '../data/web/index.ts';
import { ThawError } from '../errors.ts';
import { webRuntime, webRuntimeVersion } from '../runtime/web/sessions.ts';
import type { ImageHandle, RemotePlatform } from '../worker/index.ts';
import { privateStore } from './private-store.ts';
import { libraryWithNamedThreads } from './threads.ts';

/** Plain data. */
export interface WebPlatformOptions {
  /** Where ONNX Runtime's `.wasm` and `.mjs` files are served, if they are not where the page's bundler puts them. */
  readonly assets?: string;
  /** Threads of WebAssembly; see `webRuntime`. */
  readonly threads?: number;
}

/** A browser's platform: onnxruntime-web, its own decoders, and the origin's private files to keep projects in. */
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
      const device = gpu ? 'webgpu' : 'wasm';
      return webRuntime({ device, assets, threads, library: () => libraryWithNamedThreads(device) });
    },
    runtimeVersion: (device) => webRuntimeVersion(device === 'webgpu' ? 'webgpu' : 'wasm'),
    reader: (images) => canvasReader((file) => blobOf(images.get(file)!)),
    overlay: (image, map, most) => overlayUrl(blobOf(image), map, most),
    checkPath: (path) => {
      throw pathInPage(path);
    },
    cacheMemory: cacheMemory(),
    memory,
    store: privateStore(),
  };
}

function blobOf(image: ImageHandle): Blob {
  if (image instanceof Blob) return image;
  if (typeof image === 'string') throw pathInPage(image);
  return new Blob([image as Uint8Array<ArrayBuffer>]);
}

const pathInPage = (path: string): ThawError =>
  new ThawError('bad-data', `"${path}" is a string, and a page reads no images by path`, 'Give the File itself');

/** @param software whether a graphics card that the processor emulates will do: WebAssembly is several times as fast */
async function hasWebGpu({ software }: { readonly software: boolean }): Promise<boolean> {
  const { gpu } = navigator as Partial<Navigator>;
  const adapter = await gpu?.requestAdapter().catch(() => null);
  return Boolean(adapter && (software || !adapter.info.isFallbackAdapter));
}

/** Gibibytes of the device's memory. Browsers report at most 8, or nothing. */
const deviceMemory = (): number | undefined =>
  (navigator as Navigator & { readonly deviceMemory?: number }).deviceMemory;

const memory = (): number => (deviceMemory() ?? 4) * 2 ** 30;

/** Megabytes: a sixteenth of the device's memory. */
const cacheMemory = (): number => ((deviceMemory() ?? 4) * 1024) / 16;
