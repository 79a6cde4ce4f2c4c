/** Prepares a network file for training, like `thaw train`. */
import type { InferenceSession } from 'onnxruntime-common';
import { readModelFile } from '../../../src/node/models/files.ts';
import type { Runtime } from '../../../src/runtime/index.ts';
import { deviceOptions } from '../../../src/runtime/node/devices.ts';
import { nodeRuntime } from '../../../src/runtime/node/sessions.ts';
import { type Prepared, prepareModel } from '../../../src/session/index.ts';

/** @param own session options in addition to the device's */
export const cpuRuntime = (threads: number, own: InferenceSession.SessionOptions = {}): Runtime =>
  nodeRuntime('cpu', { ...deviceOptions('cpu'), intraOpNumThreads: threads, ...own });

/** @param classes of a new head; without it, the model's own head is kept */
export async function openNetwork(path: string, runtime: Runtime, classes?: number): Promise<Prepared> {
  return prepareModel(await readModelFile(path), runtime, { classes });
}
