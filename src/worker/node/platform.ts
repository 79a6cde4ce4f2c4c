import { sharpReader } from '../../data/node/index.ts';
import { chooseDevice, deviceOptions } from '../../runtime/node/devices.ts';
import { availableMemory, memoryLimit } from '../../runtime/node/memory.ts';
import { nodeRuntime } from '../../runtime/node/sessions.ts';
import type { ImageHandle } from '../protocol.ts';
import type { RemotePlatform } from '../server.ts';
import { folderStore } from './folder-store.ts';

/** Plain data. */
export interface NodePlatformOptions {
  /** Where projects are kept; nowhere unless given. */
  readonly folder?: string;
}

/**
 * What Node gives to a training at the end of a channel, in a worker thread or in Electron's utility process: onnxruntime-node,
 * sharp, and a folder to keep projects in.
 */
export function nodePlatform({ folder }: NodePlatformOptions = {}): RemotePlatform {
  return {
    async runtime(name) {
      const { device } = await chooseDevice(name);
      return nodeRuntime(device, deviceOptions(device));
    },
    reader: (images) => sharpReader((file) => contentsOf(images.get(file)!)),
    cacheMemory: Math.min(1024, availableMemory() / 4 / 2 ** 20),
    memory: memoryLimit,
    store: folder === undefined ? undefined : folderStore(folder),
  };
}

const contentsOf = async (image: ImageHandle): Promise<string | Uint8Array> =>
  typeof image === 'string' ? image : new Uint8Array(await image.arrayBuffer());
