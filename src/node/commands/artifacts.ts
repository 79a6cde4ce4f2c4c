import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { Manifest } from '../../compiler/step/index.ts';
import { requireRequest, requireText, ThawError } from '../../errors.ts';
import type { DeviceName } from '../../runtime/devices.ts';
import { type CompileOptions, compileArtifacts, planGraphs } from '../../session/index.ts';
import { writeAtomically } from '../disk/index.ts';
import { readModelFile } from '../models/files.ts';
import { openRuntime } from './environment.ts';
import type { JobHooks } from './events.ts';
import { fetchModel } from './fetch-model.ts';

export interface ArtifactsRequest extends CompileOptions {
  readonly model: string;
  /** The folder to write. It must be empty or absent. */
  readonly out: string;
  /** Device that runs the model on tiny inputs. Default: the processor. */
  readonly device?: DeviceName;
}

/**
 * Runs only the compiler. Writes the training, evaluation and optimizer graphs of a model, a checkpoint of the trainable parameters, and
 * the manifest.
 *
 * @throws ThawError `unsupported-operator` if a gradient has to pass an operator without a rule
 */
export async function writeArtifacts(request: ArtifactsRequest, hooks: JobHooks = {}): Promise<Manifest> {
  requireRequest(request);
  const { model, out: folder, device, ...rest } = request;
  requireText(folder, 'out', 'Give a folder to write');
  const out = resolve(folder);
  if (existsSync(out) && (await readdir(out).catch(() => ['a file'])).length) {
    throw new ThawError('bad-config', `${folder} is not empty`, 'Choose another folder with --out');
  }
  const resolved = await fetchModel(model, hooks);
  const sha256 = await resolved.sha256();
  const source = await readModelFile(resolved.path);
  const runtime = await openRuntime(device, hooks);
  const { network, plan, anatomy, seed } = await planGraphs(source, runtime, rest, resolved.preprocessing);
  const position = { step: 0, epoch: 0, stage: 1, seed };
  const { groups, omitted } = anatomy;
  const files = compileArtifacts(network, plan, new Map(), position, { groups, omitted, sha256 });
  for (const [file, contents] of files) await writeAtomically(join(out, file), contents);
  return JSON.parse(files.get('manifest.json') as string) as Manifest;
}
