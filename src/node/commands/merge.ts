import { existsSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { requireRequest, requireText, ThawError } from '../../errors.ts';
import { ADAPTER_FILES, type AdapterSet, readAdapters } from '../../export/index.ts';
import type { Model } from '../../onnx/index.ts';
import type { DeviceName } from '../../runtime/devices.ts';
import type { Runtime } from '../../runtime/index.ts';
import { inputShapes, newHead, prepareModel, withAdapters, withOutput } from '../../session/index.ts';
import { openTask } from '../../tasks/index.ts';
import { readIfThere } from '../disk/index.ts';
import { readModelFile, writeModelFile } from '../models/files.ts';
import type { ResolvedModel } from '../models/index.ts';
import { openRuntime } from './environment.ts';
import type { JobHooks } from './events.ts';
import { fetchModel } from './fetch-model.ts';
import { shownPath } from './paths.ts';

export interface MergeRequest {
  /** The source model of the adapters. */
  readonly model: string;
  /** `adapters/` of a run, its `adapter_model.safetensors`, or the run. */
  readonly adapters: string;
  /** Output file. Default: `merged.onnx` next to the adapters. */
  readonly out?: string;
  /** Device that runs the model on tiny inputs. Default: the processor. */
  readonly device?: DeviceName;
}

export interface MergeOutcome {
  readonly file: string;
  readonly bytes: number;
  readonly classes: readonly string[];
}

/**
 * Merges adapters into their source model. Writes plain ONNX with the model's own names, and with its classes and preprocessing.
 *
 * @throws ThawError `bad-data` if the files are not adapters; `bad-config` if they belong to another model
 */
export async function merge(request: MergeRequest, hooks: JobHooks = {}): Promise<MergeOutcome> {
  requireRequest(request);
  const { model, adapters, out, device } = request;
  requireText(adapters, 'adapters', 'Give the path of a run, or of its adapters');
  const path = adapterFile(adapters);
  const set = readAdapters((await readIfThere(path)) ?? new Uint8Array());
  const resolved = await fetchModel(model, hooks);
  const sha256 = await resolved.sha256();
  if (sha256 !== set.model) {
    throw new ThawError(
      'bad-config',
      `${adapters} was trained with another model, not ${model} (SHA-256 ${set.model.slice(0, 12)}…, not ${sha256.slice(0, 12)}…)`,
      'Give the source model of the run (see its config.yaml)',
    );
  }
  const runtime = await openRuntime(device, hooks);
  const prepared = await prepare(withOutput(await readModelFile(resolved.path), set.output), runtime, resolved, set);
  const file = resolve(out ?? join(path, '..', 'merged.onnx'));
  await writeModelFile(file, withAdapters(prepared, set));
  return { file: shownPath(file), bytes: (await stat(file)).size, classes: openTask(set.task).classes };
}

const prepare = (
  model: Model,
  runtime: Runtime,
  resolved: ResolvedModel,
  { head, outputs, pooling, task, preprocessing }: AdapterSet,
) =>
  prepareModel(model, runtime, {
    head,
    ...newHead(model, resolved, openTask(task), { keepHead: outputs === undefined, knownClasses: 'redraw', pooling }),
    inputs: inputShapes(model, preprocessing),
  });

function adapterFile(path: string): string {
  const candidates = [path, join(path, ADAPTER_FILES.tensors), join(path, 'adapters', ADAPTER_FILES.tensors)];
  const found = candidates.find((file) => file.endsWith('.safetensors') && existsSync(file));
  if (found) return found;
  throw new ThawError(
    'bad-data',
    `${path} has no adapters`,
    `Give a run with lora, or its adapters/ folder with ${ADAPTER_FILES.tensors}`,
  );
}
