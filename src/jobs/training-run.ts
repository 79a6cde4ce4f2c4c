import { safetensorsParts } from '../artifacts/index.ts';
import { type Dataset, PictureCache, readAugmentation } from '../data/index.ts';
import { PictureSource } from '../data/node/index.ts';
import { selectionText } from '../layers/index.ts';
import { blendedPictures, trainingConfigOf } from '../recipe/index.ts';
import type { Evaluated, TaskOutcome } from '../tasks/index.ts';
import { isText, TextSource } from '../text/index.ts';
import {
  type Checkpoint,
  type FeatureCache,
  type StageInfo,
  Trainer,
  type TrainingConfig,
  type TrainingEvent,
  withState,
} from '../training/index.ts';
import type { About } from './about.ts';
import { writeBatchPictures } from './batch-pictures.ts';
import type { JobHooks } from './events.ts';
import { openFeatures } from './features.ts';
import { finishRun, type TrainOutcome } from './finish.ts';
import { plainSource } from './inputs.ts';
import { type RunRecord, saveRecord, withStage, withStageEnd } from './record.ts';
import { artifactCheckpoint, compileArtifacts } from './stage-artifacts.ts';
import type { TrainingJob } from './training-job.ts';

/** Milliseconds. */
const MINUTE = 60_000;

/**
 * Trains, from wherever the job stands, to the finished model and its report, writing everything into the run as it goes. When
 * asked to stop it ends the step under way, saves itself and says so in its outcome.
 */
export async function runTraining<A extends Evaluated, E extends Evaluated>(
  job: TrainingJob,
  hooks: JobHooks,
): Promise<TrainOutcome<A, E>> {
  const config = trainingConfigOf(job.settings);
  const sources = openSources({ ...job, preprocessing: job.about.preprocessing }, hooks);
  const features = await openFeatures(job, hooks);
  const record = await trainedBy({ ...job, ...sources, config, features }, hooks);
  const { val, test, pictures } = sources;
  return await finishRun<A, E>({ ...job, config, record, val, test, pictures, features }, hooks);
}

/** What it took. By itself, since the trainer's state is not to be held while the model is finished. */
async function trainedBy(
  job: TrainingJob &
    ReturnType<typeof openSources> & { readonly config: TrainingConfig; readonly features: FeatureCache },
  hooks: JobHooks,
): Promise<RunRecord> {
  const { config, resume, dataset, task, train, val } = job;
  const { preprocessing } = job.about;
  const trainer = new Trainer(job);
  const stop = () => trainer.interrupt();
  hooks.signal?.throwIfAborted();
  hooks.signal?.addEventListener('abort', stop);
  try {
    hooks.onEvent?.({
      type: 'plan',
      stages: trainer.stages.map(({ train, epochs }) => ({ train: selectionText(train), epochs })),
      stepsPerEpoch: Math.ceil(dataset.train.length / config.batch),
      done: resume?.progress.epoch ?? 0,
    });
    if (!resume && !isText(preprocessing))
      await writeBatchPictures(
        job.run,
        { train, val },
        { preprocessing, classes: task.classes, batchSize: config.batch },
      );
    const log = new RunLog(job, trainer, config);
    for await (const event of trainer.run()) {
      await log.take(event, hooks);
      hooks.onEvent?.(event);
    }
    return log.record;
  } finally {
    hooks.signal?.removeEventListener('abort', stop);
  }
}

/** The data set as the trainer takes it: training samples in a new order every epoch, pictures augmented; the others as they are. */
export function openSources(
  {
    dataset,
    preprocessing,
    settings,
    task,
  }: Pick<TrainingJob, 'dataset' | 'settings' | 'task'> & Pick<About, 'preprocessing'>,
  { onEvent }: JobHooks,
) {
  const shuffle = settings.sampling === 'balanced' ? 'balanced' : true;
  if (isText(preprocessing)) {
    const { seed } = settings;
    const train = new TextSource({ samples: dataset.train, format: preprocessing, seed, shuffle });
    if (train.cut) {
      const message = `${train.cut} of ${train.length} training texts are longer than ${preprocessing.maxLength} tokens, and cut (--max-length)`;
      onEvent?.({ type: 'notice', message });
    }
    const test = dataset.test.length ? plainSource(dataset.test, preprocessing) : undefined;
    return { train, val: plainSource(dataset.val, preprocessing), test, pictures: undefined };
  }
  const cache = new PictureCache();
  const common = {
    preprocessing,
    cache,
    seed: settings.seed,
    onProblem: ({ file, reason }: { file: string; reason: string }) =>
      onEvent?.({ type: 'notice', message: `${file} is left out: ${reason}` }),
  };
  const augmentation = readAugmentation(settings.augment);
  const order = (samples: Dataset['train']) =>
    task.order?.(
      samples.map(({ label }) => label),
      settings,
    );
  const { train, val, test } = dataset;
  // Always in the order of the first epoch.
  const fixed = (samples: Dataset['train']) => {
    const first = order(samples)?.(0);
    return new PictureSource({ ...common, samples, order: first && (() => first) });
  };
  const pictures = new PictureSource({ ...common, samples: train, augmentation, shuffle, order: order(train) });
  return {
    train: blendedPictures(pictures, settings, preprocessing, task),
    val: fixed(val),
    test: test.length ? fixed(test) : undefined,
    pictures: cache,
  };
}

/** Listens to a training and keeps its run directory: metrics, checkpoints, artifacts, record. */
class RunLog {
  record: RunRecord;
  private readonly began = performance.now();
  private readonly before: number;
  private saved = performance.now();

  constructor(
    private readonly job: TrainingJob,
    private readonly trainer: Trainer<TaskOutcome, Evaluated>,
    private readonly config: TrainingConfig,
  ) {
    this.record = job.record;
    this.before = job.record.seconds;
  }

  async take(event: TrainingEvent<Evaluated>, hooks: JobHooks): Promise<void> {
    const { run } = this.job;
    switch (event.type) {
      case 'before':
        this.record = { ...this.record, before: event.val };
        return saveRecord(run, this.record);
      case 'stage':
        this.record = withStage(this.record, event);
        await saveRecord(run, this.record);
        return this.writeArtifacts(event);
      case 'step': {
        const { computed, waited } = this.record.times ?? { computed: 0, waited: 0 };
        const times = { computed: computed + event.computed, waited: waited + event.waited };
        this.record = { ...this.record, times };
        if (performance.now() - this.saved < this.job.settings.saveEvery * MINUTE) return;
        return this.save(await this.trainer.checkpoint());
      }
      case 'epoch': {
        const checkpoint = await this.trainer.checkpoint();
        if (event.best) {
          await run.saveCheckpoint('best', checkpoint);
          hooks.onEvent?.({ type: 'checkpoint', kind: 'best', epoch: event.epoch });
        }
        await run.appendRow(event);
        return this.save(checkpoint);
      }
      case 'rollback':
        return this.save(await this.trainer.checkpoint());
      case 'stage-end':
        this.record = withStageEnd(this.record, event);
        // Before a checkpoint says that the stage is over: it would not be told again.
        await saveRecord(run, this.record);
        return this.writeArtifactCheckpoint(event.stage);
      case 'end':
        this.record = {
          ...this.record,
          stopped: event.why === 'interrupted' ? null : (this.record.stopped ?? event.why),
        };
        return this.save(await this.trainer.checkpoint());
    }
  }

  private async save(checkpoint: Checkpoint): Promise<void> {
    this.saved = performance.now();
    const { rollbacks, findings } = checkpoint.progress;
    this.record = { ...this.record, seconds: this.before + (this.saved - this.began) / 1000, rollbacks, findings };
    await this.job.run.saveCheckpoint('last', checkpoint);
    await saveRecord(this.job.run, this.record);
  }

  /** `artifacts/stage-N`: the stage's graphs as it begins. */
  private async writeArtifacts({ stage }: StageInfo): Promise<void> {
    if (!this.job.settings.artifacts) return;
    const { run, about, anatomy } = this.job;
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

  /** The trained parameters and their optimizer state take the place of those that the stage began with. */
  private async writeArtifactCheckpoint(stage: number): Promise<void> {
    if (!this.job.settings.artifacts) return;
    const { network, plan, state, position } = await this.compiled(stage);
    const checkpoint = safetensorsParts(artifactCheckpoint(network, plan, state, position));
    await this.job.run.writeFile(`artifacts/stage-${stage}/checkpoint.safetensors`, checkpoint);
  }

  private async compiled(stage: number) {
    const { network } = this.job;
    const { progress, state } = await this.trainer.checkpoint();
    const { step, epoch } = progress;
    const plan = this.trainer.planOf(this.trainer.stages[stage - 1]);
    return {
      network: withState(network, state),
      plan,
      state,
      position: { step, epoch, stage, seed: this.config.seed },
    };
  }
}
