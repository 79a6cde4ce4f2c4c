import { stat } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { inSinglePrecision } from '../../compiler/import/index.ts';
import { requireRequest, ThawError } from '../../errors.ts';
import {
  type CompressedForm,
  compressWeights,
  exportModel,
  TRANSFORMERS_NAMES,
  transformersModel,
  type Verification,
  verifyExport,
} from '../../export/index.ts';
import { dataInputsOf, type Model } from '../../onnx/index.ts';
import type { DeviceName } from '../../runtime/devices.ts';
import { loadable, type Runtime } from '../../runtime/index.ts';
import { inputShapes, mergedState, networkOf, openDataset, scoresOf } from '../../session/index.ts';
import { openTask, type Task, type TaskOutcome } from '../../tasks/index.ts';
import { averagedState } from '../../training/index.ts';
import { VERSION } from '../../version.ts';
import { writeModelFile } from '../models/files.ts';
import { openRun, type RunReader } from '../run/index.ts';
import { type About, readSource } from './about.ts';
import { openRuntime } from './environment.ts';
import type { JobHooks } from './events.ts';
import { plainSource } from './inputs.ts';
import { openPredictor } from './open-predictor.ts';
import { quoted, shownPath } from './paths.ts';
import { readFrom } from './platform.ts';
import { readRecord } from './record.ts';
import { readRunSettings } from './resume.ts';

export interface ExportRequest {
  /** A run with an intact checkpoint, finished or not. */
  readonly run: string;
  /** Weights as float16 or int8. Default: unchanged. */
  readonly form?: CompressedForm;
  /** Output file. Default: `NAME.onnx` in the run; for a form, next to the shipped model, under the name that transformers.js expects. */
  readonly out?: string;
  /** Device that compares both models. Default: the processor. */
  readonly device?: DeviceName;
}

export interface ExportOutcome {
  readonly file: string;
  readonly bytes: number;
  /** Compares with the shipped model on the validation set. Null if the run is unfinished or the images are missing. */
  readonly verification: Verification | null;
}

/** File names of transformers.js for `dtype: 'fp16'` and `'q8'`. */
const FILES: Readonly<Record<CompressedForm, string>> = { fp16: 'model_fp16.onnx', int8: 'model_quantized.onnx' };

/**
 * Exports the model of a run. For an unfinished run, this is the best epoch so far. Without a form, it writes plain ONNX with the graph and
 * names of the source. Compressed models get the names that transformers.js expects.
 *
 * @example
 * ```ts
 * import { exportModel } from 'thaw';
 *
 * const { file, bytes } = await exportModel({ run: 'runs/images-1', form: 'int8' });
 * console.log(file, bytes);
 * ```
 * @throws ThawError `run-directory` if the run has no intact checkpoint
 */
export async function exportRun(request: ExportRequest, hooks: JobHooks = {}): Promise<ExportOutcome> {
  requireRequest(request);
  const { run: path, form, out, device } = request;
  const run = await openRun(path);
  const runtime = await openRuntime(device, hooks);
  const { model: source, about } = await readSource(run);
  const { preprocessing } = about;
  const task = openTask((await readRecord(run)).task ?? about.task);
  const plain = exportModel(source, await stateOf({ run, runtime }, source, about, hooks), {
    version: VERSION,
    task: task.facts,
    preprocessing,
  });
  const [{ name: input }] = dataInputsOf(source.graph);
  const output = scoresOf(source, source.graph.outputs[0].name);
  // Compressed weights need float32 computation, whatever the precision of the source.
  const single = inSinglePrecision(plain);
  const model = form
    ? compressWeights(transformersModel({ model: single, task, preprocessing, input, output }), form)
    : plain;
  const file = resolve(out ?? join(run.path, fileOf(run, form)));
  await writeModelFile(file, model);
  const names = form ? { shipped: true, ...TRANSFORMERS_NAMES } : { input, output };
  const verification = run.has('model')
    ? await compare({ run, runtime }, about, task, form ? model : single, names, hooks)
    : null;
  return { file: shownPath(file), bytes: (await stat(file)).size, verification };
}

/** Output file for a form: next to the shipped model, if the run has one. */
function fileOf(run: RunReader, form: CompressedForm | undefined): string {
  const name = basename(run.path);
  if (!form) return `${name}.onnx`;
  return run.has('model') ? join('model', 'onnx', FILES[form]) : `${name}_${form}.onnx`;
}

interface Opened {
  readonly run: RunReader;
  readonly runtime: Runtime;
}

/** The weights that the run ships, under the names of the source. */
async function stateOf({ run, runtime }: Opened, source: Model, { preprocessing }: About, { onEvent }: JobHooks) {
  const { state: kept, notice } = await shippedOf(run);
  if (notice) onEvent?.({ type: 'notice', message: notice });
  const state = averagedState(kept);
  const { lora, head, seed } = await readRunSettings(run);
  if (!lora) return state;
  const inputs = inputShapes(source, preprocessing);
  return mergedState(await networkOf(source, runtime, { head, inputs, lora, seed }), lora, state);
}

async function shippedOf(run: RunReader) {
  const last = await run.newest();
  const shown = shownPath(run.path);
  if (!last)
    throw new ThawError(
      'run-directory',
      `the run ${shown} has no checkpoint yet`,
      `Continue it: thaw resume ${quoted(shown)}`,
    );
  const shipped = await run.shipped(last);
  if (run.has('model')) return shipped;
  const { epoch, best } = last.progress;
  const unfinished = `the run ${shown} is not finished: exporting the model of its ${best ? `best epoch so far, ${best.epoch}` : `last step, after ${epoch} epochs`}`;
  return { ...shipped, notice: [shipped.notice, unfinished].filter(Boolean).join('; ') };
}

/** Compares the exported form with the model that the run ships. */
async function compare(
  { run, runtime }: Opened,
  { dataPath, preprocessing }: About,
  task: Task,
  model: Model,
  names: { readonly shipped?: boolean; readonly input: string; readonly output: string },
  hooks: JobHooks,
): Promise<Verification | null> {
  const settings = await readRunSettings(run);
  const { batch } = settings;
  const { identity } = await run.source();
  const kept = () => identity.classes;
  const dataset = await openDataset(preprocessing, settings, kept, readFrom(dataPath, hooks)).catch((error) => {
    if (error instanceof ThawError) return undefined;
    throw error;
  });
  if (!dataset) return null;
  const { predictor } = await openPredictor({ model: run.path, settings: { batch }, runtime }, hooks);
  const source = plainSource(dataset.val, preprocessing);
  const expected: TaskOutcome[] = [];
  const shipped = plainSource(dataset.val, predictor.parts.format);
  for await (const batch of predictor.outcomes(shipped)) expected.push(...batch);
  await predictor.release();
  return verifyExport({
    model: loadable(model),
    runtime,
    source,
    preprocessing,
    task,
    batchSize: batch,
    expected,
    tolerance: Number.POSITIVE_INFINITY,
    ...names,
  });
}
