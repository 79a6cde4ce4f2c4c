/** The files of the networks, created on first use, and the parameters that a selection means in them. */
import { execFile } from 'node:child_process';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { CONTENDERS, thawWorker } from './contenders.ts';
import type { BenchOptions } from './options.ts';
import type { StepsRequest } from './protocol.ts';
import { Worker } from './worker.ts';

const run = promisify(execFile);
const exporter = fileURLToPath(new URL('python/export.py', import.meta.url));
const cache = fileURLToPath(new URL('../../.cache/bench', import.meta.url));

export interface Networks {
  readonly folder: string;
  /** Networks that could not be created, with the missing package. */
  readonly missing: Readonly<Record<string, string>>;
}

/** @throws Error if PyTorch, which defines the networks, is missing */
export async function makeNetworks(
  names: readonly string[],
  { classes, batch, interpreters }: Pick<BenchOptions, 'classes' | 'batch' | 'interpreters'>,
): Promise<Networks> {
  const missing = CONTENDERS.pytorch.missing(interpreters);
  if (missing) throw new Error(`the networks are defined in PyTorch: ${missing}`);
  const folder = resolve(cache, `networks-${classes}-${batch}`);
  const { stdout } = await run(interpreters.python, [exporter, folder, String(classes), String(batch), ...names], {
    env: { ...process.env, PYTHONDONTWRITEBYTECODE: '1' },
  });
  return { folder, ...(JSON.parse(stdout.trim().split('\n').at(-1)!) as { missing: Record<string, string> }) };
}

export async function stepsRequest(
  model: string,
  selection: string,
  { folder }: Networks,
  { classes, batch, threads }: BenchOptions,
): Promise<Omit<StepsRequest, 'options'>> {
  const files = { folded: `${folder}/${model}-folded.onnx`, kept: `${folder}/${model}-kept.onnx` };
  const worker = new Worker(thawWorker(), threads);
  try {
    const select = async (file: string) => (await worker.ask<{ names: string[] }>('select', { file, selection })).names;
    return {
      model,
      files,
      weights: `${folder}/${model}.pt`,
      selection,
      trainable: { folded: await select(files.folded), kept: await select(files.kept) },
      classes,
      batch,
      size: 224,
      lr: 1e-4,
      data: folder,
    };
  } finally {
    await worker.end();
  }
}
