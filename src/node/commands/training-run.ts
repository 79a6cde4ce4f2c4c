import { safetensorsParts } from '../../compiler/step/index.ts';
import { isText } from '../../data/text/index.ts';
import { artifactCheckpoint, type BestStore, compileArtifacts } from '../../session/index.ts';
import type { Evaluated } from '../../tasks/index.ts';
import { type Checkpoint, type StageInfo, type TrainingEvent, withState } from '../../training/index.ts';
import type { RunWriter } from '../run/index.ts';
import { writeBatchImages } from './batch-images.ts';
import type { JobHooks } from './events.ts';
import { finishRun, type TrainingResult } from './finish.ts';
import { type RunRecord, saveRecord, withStage, withStageEnd } from './record.ts';
import { tracked } from './tracking.ts';
import type { TrainingJob } from './training-job.ts';

/** In milliseconds. */
const MINUTE = 60_000;

/** Saves the best weights in the run. @param run called for each save */
export const bestIn = (run: () => RunWriter | undefined, { onEvent }: JobHooks): BestStore => ({
  async put(checkpoint) {
    await run()?.saveCheckpoint('best', checkpoint);
    onEvent?.({ type: 'checkpoint', kind: 'best', epoch: checkpoint.progress.epoch });
  },
  get: async () => run()?.checkpoint('best'),
});

/**
 * Trains from the session's current position to the finished model and its report, and writes everything into the run. A stop request ends
 * the current step, saves, and gives the status `interrupted`.
 */
export const runTraining = (job: TrainingJob, hooks: JobHooks): Promise<TrainingResult> =>
  tracked(job, hooks, async (listening) => {
    const record = await trained(job, listening);
    // The trainer's state takes memory that the rest of the job needs.
    await job.session.release();
    return finishRun({ ...job, record }, listening);
  });

/** Runs the session until it ends or is stopped. @returns the record of the run */
async function trained(job: TrainingJob, hooks: JobHooks): Promise<RunRecord> {
  const { session } = job;
  const { format, sources, task, config, resume } = session.parts;
  const stop = () => session.stop();
  let writing: Promise<void> = Promise.resolve();
  hooks.signal?.throwIfAborted();
  hooks.signal?.addEventListener('abort', stop);
  try {
    const { plan: stages, stepsPerEpoch } = session;
    hooks.onEvent?.({ type: 'plan', stages, stepsPerEpoch, done: resume?.progress.epoch ?? 0 });
    if (!resume && !isText(format)) {
      const sheet = { preprocessing: format, classes: task.classes, batchSize: config.batch };
      // Next to the training, which reads the same images.
      writing = writeBatchImages(job.run, { train: sources.train, val: sources.val }, sheet);
    }
    writing.catch(() => session.stop());
    const log = new RunLog(job);
    for await (const event of session.run()) {
      await log.take(event);
      hooks.onEvent?.(event);
    }
    await writing;
    return log.record;
  } finally {
    await writing.catch(() => undefined);
    hooks.signal?.removeEventListener('abort', stop);
  }
}

/** Writes the run directory during training: metrics, checkpoints, artifacts, record. */
class RunLog {
  record: RunRecord;
  private readonly began = performance.now();
  private readonly before: number;
  private saved = performance.now();

  constructor(private readonly job: TrainingJob) {
    this.record = job.record;
    this.before = job.record.seconds;
  }

  async take(event: TrainingEvent<Evaluated>): Promise<void> {
    const { run, session } = this.job;
    switch (event.type) {
      case 'before':
        this.record = { ...this.record, before: event.val };
        return saveRecord(run, this.record);
      case 'stage': {
        const { type: _, ...stage } = event;
        this.record = withStage(this.record, stage);
        await saveRecord(run, this.record);
        return this.writeArtifacts(stage);
      }
      case 'step': {
        const { computed, waited } = this.record.times ?? { computed: 0, waited: 0 };
        const times = { computed: computed + event.computed, waited: waited + event.waited };
        this.record = { ...this.record, times };
        if (performance.now() - this.saved < session.parts.settings.saveEvery * MINUTE) return;
        return this.save(await session.checkpoint());
      }
      case 'epoch':
        await run.appendRow(event);
        return this.save(await session.checkpoint());
      case 'rollback':
        return this.save(await session.checkpoint());
      case 'stage-end':
        this.record = withStageEnd(this.record, event);
        // Must happen before the checkpoint of the ended stage, because a resumed run does not repeat this event.
        await saveRecord(run, this.record);
        return this.writeArtifactCheckpoint(event.stage);
      case 'end':
        this.record = {
          ...this.record,
          stopped: event.why === 'interrupted' ? null : (this.record.stopped ?? event.why),
        };
        return this.save(await session.checkpoint());
    }
  }

  private async save(checkpoint: Checkpoint): Promise<void> {
    this.saved = performance.now();
    const { decisions, rollbacks, findings } = checkpoint.progress;
    const seconds = this.before + (this.saved - this.began) / 1000;
    this.record = { ...this.record, seconds, decisions, rollbacks, findings };
    await this.job.run.saveCheckpoint('last', checkpoint);
    await saveRecord(this.job.run, this.record);
  }

  /** Writes `artifacts/stage-N`: the graphs of a stage at its start. */
  private async writeArtifacts({ stage }: StageInfo): Promise<void> {
    const { run, about, session } = this.job;
    const { settings, anatomy } = session.parts;
    if (!settings.artifacts) return;
    const { network, plan, state, position } = await this.compiled(stage);
    await run.writeArtifacts(
      stage,
      compileArtifacts(network, plan, state, position, {
        groups: anatomy.groups,
        omitted: anatomy.omitted,
        sha256: about.sha256,
      }),
    );
  }

  /** Replaces the checkpoint of the artifacts by the trained parameters and their optimizer state. */
  private async writeArtifactCheckpoint(stage: number): Promise<void> {
    if (!this.job.session.parts.settings.artifacts) return;
    const { network, plan, state, position } = await this.compiled(stage);
    const checkpoint = safetensorsParts(artifactCheckpoint(network, plan, state, position));
    await this.job.run.writeFile(`artifacts/stage-${stage}/checkpoint.safetensors`, checkpoint);
  }

  private async compiled(stage: number) {
    const { session } = this.job;
    const { network, config } = session.parts;
    const { progress, state } = await session.checkpoint();
    const { step, epoch } = progress;
    return {
      network: withState(network, state),
      plan: session.planOf(stage - 1),
      state,
      position: { step, epoch, stage, seed: config.seed },
    };
  }
}
