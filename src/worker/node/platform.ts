import { overlayUrl, sharpReader } from '../../data/node/index.ts';
import { chooseDevice, deviceOptions } from '../../runtime/node/devices.ts';
import { availableMemory, memoryLimit } from '../../runtime/node/memory.ts';
import { packageVersion } from '../../runtime/node/packages.ts';
import { nodeRuntime } from '../../runtime/node/sessions.ts';
import type { RemotePlatform } from '../platform.ts';
import type { ImageHandle } from '../protocol.ts';
import { folderStore } from './folder-store.ts';

/** Plain data. */
export interface NodePlatformOptions {
  /** The folder of the projects; none are kept unless given. */
  readonly folder?: string;
}

/** Node's platform in a worker thread and in Electron's utility process: onnxruntime-node, sharp, and a folder for projects. */
export function nodePlatform({ folder }: NodePlatformOptions = {}): RemotePlatform {
  return {
    async runtime(name) {
      const { device } = await chooseDevice(name);
      return nodeRuntime(device, deviceOptions(device));
    },
    runtimeVersion: (device) => packageVersion(device === 'wasm' ? 'onnxruntime-web' : 'onnxruntime-node'),
    reader: (images) => sharpReader((file) => contentsOf(images.get(file)!)),
    overlay: async (image, map, most) => overlayUrl(await contentsOf(image), map, most),
    cacheMemory: Math.min(1024, availableMemory() / 4 / 2 ** 20),
    memory: memoryLimit,
    store: folder === undefined ? undefined : folderStore(folder),
  };
}

const contentsOf = async (image: ImageHandle): Promise<string | Uint8Array> =>
  image instanceof Blob ? new Uint8Array(await image.arrayBuffer()) : image;
