import type { ImageReader, PlacedMap } from '../data/index.ts';
import type { Runtime } from '../runtime/index.ts';
import type { TrainSettings } from '../session/index.ts';
import type { ImageHandle } from './protocol.ts';
import type { ProjectStore } from './store.ts';

/** A platform of the training at the end of a channel. */
export interface RemotePlatform {
  /** @throws ThawError `device` if a device was requested by name and is not available */
  runtime(name: TrainSettings['device']): Promise<Runtime>;
  /** The version of ONNX Runtime on a device, for model cards. */
  runtimeVersion(device: string): Promise<string | null>;
  /** Reads images by their names in the map. */
  reader(images: ReadonlyMap<string, ImageHandle>): ImageReader;
  /** A small image under a map, as a `data:` URL that fits into a square of `most` pixels. */
  overlay(image: ImageHandle, map: PlacedMap, most: number): Promise<string>;
  /** Called for each path that the client names as an image. @throws ThawError `bad-data` for one that it may not name */
  checkPath?(path: string): void;
  /** Megabytes for decoded images, and as many for outputs of the frozen layers, unless the settings say. */
  readonly cacheMemory?: number;
  /** Bytes that a training that begins now may use, if that is known. */
  memory?(): number;
  /** Where projects are kept, if anywhere. */
  readonly store?: ProjectStore;
}
