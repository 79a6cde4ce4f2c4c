import { ThawError } from '../../errors.ts';
import { checkTask, readSettings, reopenSession, type TrainSettings } from '../../session/index.ts';
import { openTask, type TaskName } from '../../tasks/index.ts';
import { checkIdentity, identifySamples, type RunReader, resumeRun } from '../run/index.ts';
import { checkSinks } from '../tracking/index.ts';
import { readSource } from './about.ts';
import { openRuntime } from './environment.ts';
import type { JobHooks } from './events.ts';
import type { TrainingResult } from './finish.ts';
import { shownPath } from './paths.ts';
import { nodePlatform } from './platform.ts';
import { checkRecord, isFinished, readRecord } from './record.ts';
import { environmentNotice, runEnvironmentOf } from './run-environment.ts';
import { recordedThreads } from './threads.ts';
import { bestIn, runTraining } from './training-run.ts';

/**
 * Resumes a run at exactly the point where it stopped, with the run's copy of the model.
 *
 * @param expected the task that the caller expects; any unless given
 * @throws ThawError `run-directory` if that fails: no checkpoint, other data, already finished, or in use
 */
export async function resume(path: string, hooks: JobHooks = {}, expected?: TaskName): Promise<TrainingResult> {
  const { onEvent } = hooks;
  checkSinks(hooks.sinks ?? []);
  const run = await resumeRun(path);
  try {
    const kept = await readRecord(run);
    if (isFinished(run, kept)) {
      const shown = shownPath(run.path);
      throw new ThawError(
        'run-directory',
        `the run ${shown} is finished`,
        `To use it: thaw predict ${shown} IMAGE. To train it further: thaw train ${shown} DATA`,
      );
    }
    onEvent?.({ type: 'run', path: shownPath(run.path) });
    const { model, data, ...began } = await run.config();
    const settings = readSettings(began);
    const { model: source, identity, about } = await readSource(run);
    const task = openTask(about.task);
    if (expected !== undefined) checkTask(expected, about.task.task);
    const record = checkRecord(run, kept, task);
    const runtime = await openRuntime(settings.device, hooks, settings.threads ?? recordedThreads(record));
    const { session, memory } = await reopenSession(
      {
        ...{ source, task, settings, name: about.name, sourceConfig: about.sourceConfig },
        format: about.preprocessing,
        classes: identity.classes,
        async checkpoint() {
          const newest = await run.newest();
          if (newest?.notice) onEvent?.({ type: 'notice', message: newest.notice });
          return newest;
        },
      },
      {
        ...nodePlatform(runtime, about.dataPath, hooks),
        best: bestIn(() => run, hooks),
        begin: async ({ dataset, format }) => {
          const samples = await identifySamples(dataset, about.dataPath);
          checkIdentity(identity, { model: identity.model, classes: dataset.classes, samples });
          const changed = environmentNotice(record.environment, await runEnvironmentOf(runtime, format));
          if (changed) onEvent?.({ type: 'notice', message: changed });
        },
      },
    );
    await run.rewindRows(session.parts.resume?.progress.rows ?? []);
    // The checkpoint itself records the batches it counts.
    if (memory?.divided) await run.writeConfig({ model, data, ...session.parts.settings });
    const job = { session, run, about, record: memory?.divided ? { ...record, memory } : record };
    return await runTraining(job, hooks);
  } finally {
    await run.release();
  }
}

/** The settings of a run, from its `config.yaml`. */
export async function readRunSettings(run: RunReader): Promise<TrainSettings> {
  const { model: _model, data: _data, ...settings } = await run.config();
  return readSettings(settings);
}
