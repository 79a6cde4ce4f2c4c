import { resolve } from 'node:path';
import { readAugmentation } from '../../data/index.ts';
import type { ComparisonRow } from '../../report/index.ts';
import { type NamedTask, openSession, readSettings, settingsOf, type TaskRequest } from '../../session/index.ts';
import type { TaskName } from '../../tasks/index.ts';
import { readModelFile } from '../models/files.ts';
import { createRun, identifySamples, type RunWriter } from '../run/index.ts';
import { checkSinks } from '../tracking/index.ts';
import type { About } from './about.ts';
import { openRuntime } from './environment.ts';
import type { JobHooks } from './events.ts';
import { fetchModel, pinnedSource } from './fetch-model.ts';
import type { TrainingResult } from './finish.ts';
import { requireData } from './inputs.ts';
import { shownPath } from './paths.ts';
import { nodePlatform } from './platform.ts';
import { newRecord, saveRecord } from './record.ts';
import { runEnvironmentOf } from './run-environment.ts';
import { noticeShared } from './shared-samples.ts';
import { measuredThreads, processor } from './threads.ts';
import { bestIn, runTraining } from './training-run.ts';

/** What to fine-tune, on which data, and how. */
export interface TrainRequest<T extends TaskName = TaskName> extends TaskRequest<T> {
  /** A name from `thaw models`, a path, an address, or `hf:owner/name`. */
  readonly model: string;
  /** Class folders, or a table of files and labels. */
  readonly data: string;
  /** The run directory. Default: the first free `runs/NAME`. */
  readonly out?: string;
  /** Other results for the same task, for a comparison in the report. */
  readonly comparison?: readonly ComparisonRow[];
}

/**
 * The whole job: fine-tunes a pretrained model on labelled data, and writes the result into a run directory.
 *
 * @throws ThawError for everything that the user can fix; AbortError if stopped before anything was saved
 */
export async function train<T extends TaskName = 'classification'>(
  request: TrainRequest<T> & NamedTask<T>,
  hooks: JobHooks = {},
): Promise<TrainingResult<T>> {
  const settings = settingsOf(request);
  const { device, augment, threads } = readSettings({ ...settings });
  readAugmentation(augment);
  // Before a model is downloaded.
  requireData(request.data);
  checkSinks(hooks.sinks ?? []);
  const opened = await openRuntime(device, hooks, threads);
  const files = await fetchModel(request.model, hooks);
  const model = await readModelFile(files.path);
  // The digest of the file that was read.
  const sha256 = await files.sha256();
  const measured = await measuredThreads({ model, files, sha256, runtime: opened }, hooks);
  const runtime = measured ? processor(measured.chosen) : opened;
  let run: RunWriter | undefined;
  try {
    const { session, memory } = await openSession(
      { model, files, settings },
      {
        ...nodePlatform(runtime, request.data, hooks),
        best: bestIn(() => run, hooks),
        begin: async ({ dataset, format }) => {
          await noticeShared(dataset, { root: resolve(request.data), format }, hooks);
          run = await createRun({ out: request.out, data: request.data });
          hooks.onEvent?.({ type: 'run', path: shownPath(run.path) });
        },
      },
    );
    const { task, dataset, format, source, continued } = session.parts;
    const dataPath = resolve(request.data);
    const about: About = {
      model: pinnedSource(files),
      data: request.data,
      dataPath,
      name: files.name,
      sha256,
      preprocessing: format,
      task: task.facts,
      sourceConfig: files.config,
      comparison: request.comparison,
    };
    const identity = { model: sha256, classes: dataset.classes, samples: await identifySamples(dataset, dataPath) };
    const environment = await runEnvironmentOf(runtime, format);
    const record = { ...newRecord(continued), memory, environment, threads: measured };
    const written = run as RunWriter;
    await written.writeConfig({ model: about.model, data: request.data, ...session.parts.settings });
    await saveRecord(written, record);
    // From here, the run can be resumed.
    await written.saveSource({ model: source, identity, about: { ...about } }, hooks.shared?.sources);
    // The request determines the task.
    return (await runTraining({ session, run: written, about, record }, hooks)) as TrainingResult<T>;
  } finally {
    await run?.release();
  }
}
