import { ThawError } from '../errors.ts';
import { inputShapes, networkOf, readSettings, type TrainSettings, trainingConfigOf } from '../recipe/index.ts';
import { checkIdentity, identifySamples, type RunReader, resumeRun } from '../run/index.ts';
import { type Assessment, type Evaluated, type Evaluation, openTask } from '../tasks/index.ts';
import { type Anatomy, checkCheckpoint, planStages } from '../training/index.ts';
import { readSource } from './about.ts';
import { openRuntime } from './environment.ts';
import type { JobHooks } from './events.ts';
import type { TrainOutcome } from './finish.ts';
import { planJobMemory } from './memory.ts';
import { describeData, openTrainingData, sizesOf } from './opening.ts';
import { shownPath } from './paths.ts';
import { checkRecord, isFinished, readRecord } from './record.ts';
import { surroundingsNotice, surroundingsOf } from './surroundings.ts';
import { runTraining } from './training-run.ts';

/**
 * Goes on with a run exactly where it stopped, from its own copy of the model.
 *
 * @throws ThawError `run-directory` where it cannot: no checkpoint, other pictures, already finished, in use
 */
export async function resume<A extends Evaluated = Assessment, E extends Evaluated = Evaluation>(
  path: string,
  hooks: JobHooks = {},
): Promise<TrainOutcome<A, E>> {
  const { onEvent } = hooks;
  const run = await resumeRun(path);
  try {
    const kept = await readRecord(run);
    if (isFinished(run, kept)) {
      const shown = shownPath(run.path);
      throw new ThawError(
        'run-directory',
        `the run ${shown} is finished`,
        `Use it: thaw predict ${shown} PICTURE. To train on: thaw train ${shown} DATA`,
      );
    }
    onEvent?.({ type: 'run', path: shownPath(run.path) });
    const { model, data, ...began } = await run.config();
    const settings = readSettings(began);
    const { model: source, identity, about } = await readSource(run);
    const opened = await openTrainingData(about.dataPath, about.preprocessing, settings, () => identity.classes, hooks);
    const task = openTask(about.task);
    const record = checkRecord(run, kept, task);
    onEvent?.(describeData(opened, task, about.preprocessing));
    const samples = await identifySamples(opened, about.dataPath);
    checkIdentity(identity, { model: identity.model, classes: opened.classes, samples });

    const runtime = await openRuntime(settings.device, hooks);
    const changed = surroundingsNotice(record.surroundings, await surroundingsOf(runtime, about.preprocessing));
    if (changed) onEvent?.({ type: 'notice', message: changed });
    onEvent?.({ type: 'phase', phase: 'preparing' });
    const network = await networkOf(source, runtime, {
      head: settings.head,
      inputs: inputShapes(source, about.preprocessing),
      quantized: settings.quantized,
      lora: settings.lora,
      distill: settings.distill,
      seed: settings.seed,
    });
    onEvent?.({ type: 'model', name: about.name, ...sizesOf(network) });
    // There may be less memory than where it began.
    const { settings: planned, memory } = await planJobMemory(network, settings, {
      dataset: opened,
      format: about.preprocessing,
      task,
      runtime,
    });
    if (memory) onEvent?.({ type: 'memory', ...memory });
    const checkpoint = await run.newest();
    if (checkpoint) checkCheckpoint(checkpoint, network.network, stagesOf(planned, network.anatomy));
    if (checkpoint?.notice) onEvent?.({ type: 'notice', message: checkpoint.notice });
    await run.rewindRows(checkpoint?.progress.rows ?? []);
    // The checkpoint says by itself what batches it counts.
    if (memory?.divided) await run.writeConfig({ model, data, ...planned });
    const job = {
      ...network,
      source,
      run,
      about,
      settings: planned,
      dataset: opened,
      task,
      runtime,
      record: memory?.divided ? { ...record, memory } : record,
      resume: checkpoint,
    };
    return await runTraining<A, E>(job, hooks);
  } finally {
    await run.release();
  }
}

/** The number of stages. */
const stagesOf = (settings: TrainSettings, anatomy: Anatomy): number =>
  planStages(trainingConfigOf(settings), anatomy).length;

/** The settings of a run, from its `config.yaml`. */
export async function readRunSettings(run: RunReader): Promise<TrainSettings> {
  const { model: _model, data: _data, ...settings } = await run.config();
  return readSettings(settings);
}
