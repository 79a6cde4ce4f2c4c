import { canvasReader } from '../data/web/index.ts';
import { ThawError } from '../errors.ts';
import type { RemotePlatform } from '../remote/index.ts';
import { webRuntime } from '../runtime/web/sessions.ts';
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
      if (name !== 'auto' && name !== 'webgpu' && name !== 'cpu') {
        throw new ThawError('device', `a page has no ${name}`, 'Use webgpu, cpu or auto');
      }
      const gpu = name !== 'cpu' && (await hasWebGpu());
      if (name === 'webgpu' && !gpu) {
        throw new ThawError('device', 'this browser has no WebGPU, or no adapter for it', 'Use auto or cpu');
      }
      return webRuntime({ device: gpu ? 'webgpu' : 'wasm', assets, threads });
    },
    reader: (pictures) =>
      canvasReader((file) => {
        const picture = pictures.get(file)!;
        if (typeof picture !== 'string') return picture;
        throw new ThawError(
          'bad-data',
          `${picture} is a path, and a page reads no files by path`,
          'Give the File itself',
        );
      }),
    store: privateStore(),
  };
}

/** The part of WebGPU's interface that is asked. */
interface Gpu {
  requestAdapter(): Promise<object | null>;
}

async function hasWebGpu(): Promise<boolean> {
  const { gpu } = navigator as Navigator & { readonly gpu?: Gpu };
  return Boolean(await gpu?.requestAdapter().catch(() => null));
}
