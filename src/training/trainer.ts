import type { Inference } from '../compiler/shapes/index.ts';
import { isSum, type Proximity, type TrainingPlan } from '../compiler/step/index.ts';
import { selectionText } from '../compiler/surgery/index.ts';
import type { BatchSource } from '../data/index.ts';
import { ThawError } from '../errors.ts';
import { type Runtime, stepsPerRun } from '../runtime/index.ts';
import type { ClassOutcome, Evaluated, Evaluation, Task, TaskOutcome } from '../tasks/index.ts';
import type { Checkpoint } from './checkpoint.ts';
import { checkPlace } from './checkpoint-check.ts';
import type { StageConfig, TrainingConfig } from './config.ts';
import type { EpochRow, StageInfo, StopReason, TrainingEvent } from './events.ts';
import { FeatureCache } from './features/index.ts';
import { type Finding, findingsOf } from './findings.ts';
import type { Anatomy } from './plan.ts';
import { planStages } from './presets.ts';
import {
  afterBatch,
  afterEpoch,
  afterStage,
  inBatchesOf,
  isBetter,
  type Progress,
  START,
  withThawed,
} from './progress.ts';
import { type Fault, faultOf, rateFactor, rolledBack } from './rollback.ts';
import { addBatch, meanScores } from './running.ts';
import { inRuns } from './runs.ts';
import type { CompiledStage, StepResult, TrainingStep } from './stage.ts';
import { gainOf, layersOf } from './stage-info.ts';
import { StageRunner } from './stage-runner.ts';
import { verdict } from './stopping.ts';
import { UpdateSchedule } from './update-schedule.ts';

export interface TrainerOptions<O extends TaskOutcome = ClassOutcome, E extends Evaluated = Evaluation> {
  /** The model, its new head in place. */
  readonly network: Inference;
  readonly anatomy: Anatomy;
  readonly task: Task<O, E>;
  readonly train: BatchSource;
  readonly val: BatchSource;
  readonly config: TrainingConfig;
  readonly runtime: Runtime;
  /** What the frozen parts make of images; a gibibyte in memory unless given. */
  readonly features?: FeatureCache;
  /** From where to go on. */
  readonly resume?: Checkpoint;
  /** What keeps parameters near given values. */
  readonly proximal?: Proximity;
}

/**
 * Fine-tunes a network stage by stage. `run()` is the whole training as a stream of events; what listens to it (progress bars,
 * checkpoints, reports) may ask for a `checkpoint()` whenever it holds an event.
 */
export class Trainer<O extends TaskOutcome = ClassOutcome, E extends Evaluated = Evaluation> {
  readonly stages: readonly StageConfig[];
  private progress: Progress;
  private readonly updates: UpdateSchedule;
  private readonly runner: StageRunner<O>;
  /** Steps that may go into one run of a session. */
  private readonly several: number;
  /** To go back to where a loss goes wrong: the epoch's start. */
  private good: Checkpoint | undefined;
  private interrupted = false;

  constructor(private readonly options: TrainerOptions<O, E>) {
    const { config, anatomy, train, task, runtime, resume, features = new FeatureCache() } = options;
    this.stages = planStages(config, anatomy);
    this.progress = inBatchesOf(resume?.progress ?? START, config.batch);
    this.updates = new UpdateSchedule(train, config, task.metric);
    checkPlace(this.progress, this.updates.batchesPerEpoch);
    this.several = config.stepsPerRun ?? stepsPerRun(runtime);
    const { stages, updates, several } = this;
    this.runner = new StageRunner({ ...options, features, stages, updates, several: several > 1 }, resume?.state);
    if (config.rollbacks.most) this.good = resume?.good ?? resume;
  }

  /** Asks the training to stop after the step under way. */
  interrupt(): void {
    this.interrupted = true;
  }

  async *run(): AsyncGenerator<TrainingEvent<E>> {
    const { task } = this.options;
    let why: StopReason = 'finished';
    try {
      if (this.progress.step === 0) {
        await this.runner.open(await this.begin(this.stages[0]), this.progress);
        const val = await this.evaluate();
        this.progress = { ...this.progress, entry: task.scores(val) };
        yield { type: 'before', val };
      }
      while (this.progress.stage < this.stages.length && why !== 'target' && why !== 'interrupted') {
        why = yield* this.runStage(this.stages[this.progress.stage]);
        if (why !== 'target' && why !== 'interrupted') this.progress = afterStage(this.progress);
      }
    } finally {
      await this.release();
    }
    const best = this.progress.best ?? { epoch: 0, loss: Number.NaN, [task.metric.key]: Number.NaN };
    yield { type: 'end', why, best };
  }

  private async *runStage(config: StageConfig): AsyncGenerator<TrainingEvent<E>, StopReason> {
    const began = performance.now();
    const { config: training, task } = this.options;
    let stage = await this.begin(config);
    let why = verdict(config, training, this.progress, task.metric);
    if (!why) await this.runner.open(stage, this.progress);
    yield { type: 'stage', ...this.describe(config) };
    if (this.progress.batch === 0) await this.keepGood();
    while (!why) {
      const result = (yield* this.runEpoch(stage, config)) ?? (await this.measureEpoch(stage, config));
      if (result === 'interrupted') return result;
      if ('reason' in result) {
        yield await this.rollBack(result);
        if (this.interrupted) return 'interrupted';
        stage = await this.begin(config);
        continue;
      }
      const { row, findings } = result;
      const best = isBetter(task.metric, row.val, this.progress.best);
      this.progress = afterEpoch(this.progress, row, task.metric, findings);
      await this.keepGood();
      yield { type: 'epoch', best, ...row };
      for (const finding of findings) yield { type: 'finding', ...finding };
      if (this.interrupted) return 'interrupted';
      why = verdict(config, training, this.progress, task.metric);
    }
    const seconds = (performance.now() - began) / 1000;
    yield { type: 'stage-end', seconds, why, ...gainOf(this.progress, task.metric) };
    return why;
  }

  /** @returns what ended it before its last batch */
  private async *runEpoch(
    stage: CompiledStage<O>,
    config: StageConfig,
  ): AsyncGenerator<TrainingEvent<E>, Fault | 'interrupted' | undefined> {
    const { accumulate } = this.options.config;
    const epoch = await this.runner.open(stage, this.progress);
    let asked = performance.now();
    for await (const batches of inRuns(epoch, () => this.updates.inNextRun(this.several, this.progress))) {
      const began = performance.now();
      const steps = batches.map((batch, i) => {
        return { batch, ...this.updates.positionOf(config, this.progress.batch + i, this.progress) };
      });
      const results = await stage.train(steps);
      const last = steps.at(-1)!;
      if (last.part + 1 === accumulate) await stage.update(last);
      const each = (ms: number) => ms / 1000 / steps.length;
      const seconds = { waited: each(began - asked), computed: each(performance.now() - began) };
      const taken = results.map((result, i) => this.take(stage, steps[i], result, seconds));
      const wrong = taken.find(({ fault }) => fault);
      if (wrong) return wrong.fault;
      // Whoever asks for a checkpoint now gets state and progress of the same moment, the end of the run.
      for (const { event } of taken) yield event;
      if (this.interrupted) return 'interrupted';
      asked = performance.now();
    }
    if (this.progress.batch % accumulate) {
      // Too few batches are left for a whole update.
      const rates = this.updates.ratesAt(config, this.progress.batch - 1, this.progress);
      await stage.update({ ...rates, step: this.progress.step + 1 });
      this.progress = withThawed({ ...this.progress, step: this.progress.step + 1 }, stage.trainable);
    }
    return undefined;
  }

  /** Counts a step that was made. */
  private take(
    stage: CompiledStage<O>,
    step: TrainingStep & { readonly part: number },
    { loss, predictions }: StepResult<O>,
    { waited, computed }: { readonly waited: number; readonly computed: number },
  ): { readonly event: TrainingEvent<E>; readonly fault?: Fault } {
    const { task, config } = this.options;
    const { lr } = step;
    const complete = step.part + 1 === config.accumulate;
    const scores = addBatch(this.progress.scores, task, loss, predictions);
    this.progress = afterBatch(this.progress, loss, scores, waited + computed, complete);
    if (complete) this.progress = withThawed(this.progress, stage.trainable);
    const { epoch, batch, level } = this.progress;
    const fault = faultOf(this.progress, { seen: 'training', step: step.step, lr, loss }, level!.recent);
    const [samples, sofar] = [predictions.length, meanScores(scores, task)];
    const at = { epoch: epoch + 1, step: batch, steps: this.updates.batchesPerEpoch };
    return { event: { type: 'step', ...at, loss, sofar, lr, samples, waited, computed }, fault };
  }

  /** The epoch's row, while the next one's images are being read. */
  private async measureEpoch(
    stage: CompiledStage<O>,
    config: StageConfig,
  ): Promise<Fault | { readonly row: EpochRow; readonly findings: readonly Finding[] }> {
    const { task, val: source } = this.options;
    const { epoch, stageEpoch, step, findings, seconds } = this.progress;
    const started = performance.now();
    const next = { ...this.progress, epoch: epoch + 1, stageEpoch: stageEpoch + 1, batch: 0 };
    if (next.stageEpoch < config.epochs) await this.runner.open(stage, next);
    if (this.progress.scores.count === 0) throw unreadable('training');
    const { loss, predictions } = await this.predict(source);
    if (predictions.length === 0) throw unreadable('validation');
    const lr = this.updates.lastRate(config, this.progress);
    const fault = faultOf(this.progress, { seen: 'validation', step, lr, loss });
    if (fault) return fault;
    const evaluation = task.evaluation(predictions, loss);
    const row: EpochRow = {
      epoch: epoch + 1,
      stage: this.progress.stage + 1,
      trainable: this.describe(config).trainable,
      lr,
      train: meanScores(this.progress.scores, task),
      val: task.scores(evaluation),
      seconds: seconds + (performance.now() - started) / 1000,
    };
    return { row, findings: findingsOf(task, predictions, evaluation, row, findings) };
  }

  /** Goes back to the last good state. @throws ThawError `diverged` where that is no use */
  private async rollBack(fault: Fault): Promise<TrainingEvent<E>> {
    const { progress, state } = rolledBack(this.good, fault, this.options.config);
    await this.runner.restart(state);
    this.progress = progress;
    this.good = { progress, state };
    return { type: 'rollback', ...progress.rollbacks.at(-1)! };
  }

  /** Remembers an epoch's start. */
  private async keepGood(): Promise<void> {
    this.good = undefined;
    if (this.options.config.rollbacks.most) this.good = await this.checkpoint();
  }

  /** Where the training stands, its tensors copied. */
  async checkpoint(): Promise<Checkpoint> {
    if (this.good?.progress === this.progress) return this.good;
    const state = await this.runner.state();
    // Between updates the sums of gradients are zero.
    if (this.progress.batch % this.options.config.accumulate === 0)
      for (const name of [...state.keys()].filter(isSum)) state.delete(name);
    return { progress: this.progress, state, good: this.progress.batch ? this.good : undefined };
  }

  /** Metrics on the validation set with the parameters as they are, or on another source. */
  async evaluate(source: BatchSource = this.options.val): Promise<E> {
    const { loss, predictions } = await this.predict(source);
    return this.options.task.evaluation(predictions, loss);
  }

  async predict(source: BatchSource): Promise<{ loss: number; predictions: readonly O[] }> {
    const last = this.stages[Math.min(this.progress.stage, this.stages.length - 1)];
    const stage = this.runner.current ?? (await this.enter(last));
    return stage.evaluate(source, this.options.config.batch);
  }

  /** Gives back what the stage under way holds of the runtime; its state is kept. For those who evaluate outside of `run()`. */
  release(): Promise<void> {
    return this.runner.release(this.state);
  }

  /** What the compiler makes of a stage as the training stands. */
  planOf(stage: StageConfig): TrainingPlan {
    return this.runner.planOf(stage, this.progress);
  }

  /** The stage with all that its steps take, so that what fails does before anything is computed. */
  private async begin(config: StageConfig): Promise<CompiledStage<O>> {
    const stage = await this.enter(config);
    await stage.ready();
    return stage;
  }

  private enter(config: StageConfig): Promise<CompiledStage<O>> {
    return this.runner.enter(config, this.progress, this.state);
  }

  private readonly state = async () => (await this.checkpoint()).state;

  private describe(config: StageConfig): StageInfo {
    const { network, anatomy, config: training } = this.options;
    const earlier = this.stages.slice(0, this.progress.stage).map((stage) => this.planOf(stage));
    return {
      stage: this.progress.stage + 1,
      stages: this.stages.length,
      train: selectionText(config.train),
      ...layersOf(network, anatomy, this.planOf(config), earlier),
      epochs: config.epochs,
      lr: (config.lr ?? training.lr) * rateFactor(training, this.progress),
    };
  }
}

const unreadable = (split: 'training' | 'validation') =>
  new ThawError(
    'bad-data',
    `no ${split} sample can be read any more`,
    'Put the data back and resume from the last checkpoint, which is whole; or export what was trained so far',
  );
