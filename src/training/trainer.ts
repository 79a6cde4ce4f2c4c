import type { Inference } from '../compiler/shapes/index.ts';
import { isSum, type Proximity, type TrainingPlan } from '../compiler/step/index.ts';
import { trainableGroups } from '../compiler/surgery/index.ts';
import type { BatchSource } from '../data/index.ts';
import { ThawError } from '../errors.ts';
import { type Runtime, stepsPerRun } from '../runtime/index.ts';
import type { ClassOutcome, Evaluated, Evaluation, Task, TaskOutcome } from '../tasks/index.ts';
import { revisedPlan } from './adaptive/index.ts';
import type { Checkpoint } from './checkpoint.ts';
import { checkPlace } from './checkpoint-check.ts';
import type { StageConfig, TrainingConfig } from './config.ts';
import { epochResult, trainEpoch } from './epoch.ts';
import type { Predictions } from './evaluator.ts';
import type { StopReason, TrainingEvent } from './events.ts';
import { FeatureCache } from './features/index.ts';
import type { Anatomy } from './plan.ts';
import { isAdaptive, planStages } from './presets.ts';
import { afterEpoch, afterStage, isBetter, nextEpoch, type Progress, START, withBatchSize } from './progress.ts';
import { type Fault, rolledBack } from './rollback.ts';
import type { CompiledStage } from './stage.ts';
import { gainOf, stageInfo, stagePlans } from './stage-info.ts';
import { StageRunner } from './stage-runner.ts';
import { isOutOfTime, learnedDecision, stopReason } from './stopping.ts';
import { UpdateSchedule } from './update-schedule.ts';
import { usualEpochs } from './usual-epochs.ts';

export interface TrainerOptions<O extends TaskOutcome = ClassOutcome, E extends Evaluated = Evaluation> {
  /** The model with its new head. */
  readonly network: Inference;
  readonly anatomy: Anatomy;
  readonly task: Task<O, E>;
  readonly train: BatchSource;
  readonly val: BatchSource;
  readonly config: TrainingConfig;
  readonly runtime: Runtime;
  /** Features of the frozen parts; a gibibyte in memory unless given. */
  readonly features?: FeatureCache;
  /** The checkpoint to continue from. */
  readonly resume?: Checkpoint;
  /** Keeps parameters near given values. */
  readonly proximal?: Proximity;
}

/**
 * Fine-tunes a network stage by stage. `run()` is the whole training as a stream of events. Its listeners (progress bars, checkpoints,
 * reports) may ask for a `checkpoint()` while they hold an event.
 */
export class Trainer<O extends TaskOutcome = ClassOutcome, E extends Evaluated = Evaluation> {
  /** The stages that were planned before the training. */
  private readonly first: readonly StageConfig[];
  private progress: Progress;
  private readonly updates: UpdateSchedule;
  private readonly runner: StageRunner<O>;
  private readonly stepsPerRun: number;
  /** The start of the epoch, to which a rollback returns. */
  private epochStart: Checkpoint | undefined;
  private interrupted = false;

  constructor(private readonly options: TrainerOptions<O, E>) {
    const { config, anatomy, train, task, runtime, resume, features = new FeatureCache() } = options;
    this.first = planStages(config, anatomy, usualEpochs(train.length, task.classes.length));
    const { progress = START } = resume ?? {};
    this.progress = withBatchSize({ ...progress, stages: progress.stages ?? this.first }, config.batch);
    this.updates = new UpdateSchedule(train, config, task.metric);
    checkPlace(this.progress, this.updates.batchesPerEpoch);
    this.stepsPerRun = config.stepsPerRun ?? stepsPerRun(runtime);
    this.runner = new StageRunner({
      ...{ ...options, features, updates: this.updates, multiStep: this.stepsPerRun > 1 },
      stateToCarry: async () => (await this.checkpoint()).state,
      initial: resume?.state,
    });
    if (config.rollbacks.most) this.epochStart = resume?.epochStart ?? resume;
  }

  // --- the training loop: stages, their epochs, their steps ------------------------------------------------------

  async *run(): AsyncGenerator<TrainingEvent<E>> {
    const { task } = this.options;
    let why: StopReason = this.interrupted ? 'interrupted' : 'finished';
    try {
      if (this.progress.step === 0 && !this.interrupted) {
        await this.runner.prefetch(await this.begin(this.stages[0]), this.progress);
        const val = await this.evaluate();
        this.progress = { ...this.progress, entry: task.scores(val) };
        yield { type: 'before', val };
      }
      while (!endsTraining(why) && this.progress.stage < this.stages.length) {
        why = isOutOfTime(this.options.config, this.progress)
          ? 'minutes'
          : yield* this.runStage(this.stages[this.progress.stage]);
        if (why === 'perfect') yield* this.endLearned();
        if (endsTraining(why)) break;
        this.progress = afterStage(this.progress);
        yield* this.revisePlan();
      }
    } finally {
      await this.release();
    }
    const best = this.progress.best ?? { epoch: 0, loss: Number.NaN, [task.metric.key]: Number.NaN };
    yield { type: 'end', why, best };
  }

  /** Decides about the next stages, if the plan is adaptive. */
  private *revisePlan(): Generator<TrainingEvent<E>> {
    const { config, anatomy, val, task } = this.options;
    if (!isAdaptive(config)) return;
    const { groups, obstacles = [] } = anatomy;
    const known = this.progress.decisions.length;
    const revised = revisedPlan(
      {
        config,
        groups: groups.length,
        most: trainableGroups(groups, obstacles),
        metric: task.metric,
        validation: val.length,
        first: this.first,
      },
      this.progress,
    );
    this.progress = { ...this.progress, ...revised };
    for (const decision of revised.decisions.slice(known))
      yield { type: 'decision', ...decision, stages: stagePlans(this.stages) };
  }

  /** Records what a training with nothing left to learn leaves out. */
  private *endLearned(): Generator<TrainingEvent<E>> {
    const decision = learnedDecision(this.options.task.metric, this.progress);
    const { decisions } = this.progress;
    // A training that was stopped after this decision makes it again.
    if (decisions.some(({ message }) => message === decision.message)) return;
    this.progress = { ...this.progress, decisions: [...decisions, decision] };
    yield { type: 'decision', ...decision, stages: stagePlans(this.stages) };
  }

  private async *runStage(config: StageConfig): AsyncGenerator<TrainingEvent<E>, StopReason> {
    const { config: training, task, val } = this.options;
    const rules = { config: training, metric: task.metric, validation: val.length };
    const began = performance.now();
    let stage = await this.begin(config);
    let why = stopReason(config, rules, this.progress);
    if (!why) await this.runner.prefetch(stage, this.progress);
    yield { type: 'stage', ...this.describe(config) };
    if (this.progress.batch === 0) await this.keepEpochStart();
    while (!why) {
      const cut = (yield* this.runEpoch(stage, config)) ?? (yield* this.evaluateEpoch(stage, config));
      if (cut === 'interrupted') return cut;
      if (cut) {
        yield await this.rollBack(cut);
        if (this.interrupted) return 'interrupted';
        stage = await this.begin(config);
      } else why = stopReason(config, rules, this.progress);
    }
    const seconds = (performance.now() - began) / 1000;
    yield { type: 'stage-end', seconds, why, ...gainOf(this.progress, task.metric) };
    return why;
  }

  /** @returns why the epoch ended before its last batch */
  private async *runEpoch(
    stage: CompiledStage<O>,
    config: StageConfig,
  ): AsyncGenerator<TrainingEvent<E>, Fault | 'interrupted' | undefined> {
    const { updates, stepsPerRun, options } = this;
    const batches = await this.runner.prefetch(stage, this.progress);
    const parts = trainEpoch({ stage, config, task: options.task, updates, stepsPerRun }, batches, this.progress);
    for await (const { progress, events, fault } of parts) {
      // A checkpoint has the state and the progress of the same moment, the end of these steps.
      this.progress = progress;
      if (fault) return fault;
      yield* events;
      if (this.interrupted && events.length) return 'interrupted';
    }
    return undefined;
  }

  /** Evaluates the epoch while the samples of the next one are read. @returns why the training does not continue with the next one */
  private async *evaluateEpoch(
    stage: CompiledStage<O>,
    config: StageConfig,
  ): AsyncGenerator<TrainingEvent<E>, Fault | 'interrupted' | undefined> {
    const { task, val } = this.options;
    const started = performance.now();
    const next = nextEpoch(this.progress);
    if (next.stageEpoch < config.epochs) await this.runner.prefetch(stage, next);
    if (this.progress.scores.count === 0) throw unreadable('training');
    const predicted = await this.predict(val);
    if (predicted.predictions.length === 0) throw unreadable('validation');
    const lr = this.updates.lastRate(config, this.progress);
    const { trainable } = this.describe(config);
    const seconds = this.progress.seconds + (performance.now() - started) / 1000;
    const result = epochResult(task, predicted, this.progress, { lr, trainable, seconds });
    if ('reason' in result) return result;
    const { row, findings } = result;
    const best = isBetter(task.metric, row.val, this.progress.best);
    this.progress = afterEpoch(this.progress, row, task.metric, findings);
    await this.keepEpochStart();
    yield { type: 'epoch', best, ...row };
    for (const finding of findings) yield { type: 'finding', ...finding };
    return this.interrupted ? 'interrupted' : undefined;
  }

  /** Asks the training to stop after the current step, or before the first one. */
  interrupt(): void {
    this.interrupted = true;
  }

  // --- checkpoints and rollbacks ---------------------------------------------------------------------------------

  /** The current state and progress. The tensors are copies. */
  async checkpoint(): Promise<Checkpoint> {
    if (this.epochStart?.progress === this.progress) return this.epochStart;
    const state = await this.runner.state();
    // Between updates the sums of gradients are zero.
    if (!this.updates.isWithinUpdate(this.progress))
      for (const name of [...state.keys()].filter(isSum)) state.delete(name);
    return { progress: this.progress, state, epochStart: this.progress.batch ? this.epochStart : undefined };
  }

  private async keepEpochStart(): Promise<void> {
    this.epochStart = undefined;
    if (this.options.config.rollbacks.most) this.epochStart = await this.checkpoint();
  }

  /** @throws ThawError `diverged` if a rollback cannot help */
  private async rollBack(fault: Fault): Promise<TrainingEvent<E>> {
    const { progress, state } = rolledBack(this.epochStart, fault, this.options.config);
    await this.runner.restart(state);
    this.progress = progress;
    this.epochStart = { progress, state };
    return { type: 'rollback', ...progress.rollbacks.at(-1)! };
  }

  // --- evaluation ------------------------------------------------------------------------------------------------

  /** Evaluates the current weights on the validation set, or on another source. */
  async evaluate(source: BatchSource = this.options.val): Promise<E> {
    const { loss, predictions } = await this.predict(source);
    return this.options.task.evaluation(predictions, loss);
  }

  async predict(source: BatchSource): Promise<Predictions<O>> {
    const evaluator = await this.runner.evaluator(this.progress);
    return evaluator.predict(source, this.options.config.batch);
  }

  // --- stages ----------------------------------------------------------------------------------------------------

  /** The stages, as far as they are decided. */
  get stages(): readonly StageConfig[] {
    return this.progress.stages ?? [];
  }

  /** The training plan of a stage as the compiler takes it now. */
  planOf(stage: StageConfig): TrainingPlan {
    return this.runner.planOf(stage, this.progress);
  }

  /** Compiles a stage and loads all that its steps need, so that errors come before anything is computed. */
  private async begin(config: StageConfig): Promise<CompiledStage<O>> {
    const stage = await this.runner.enter(config, this.progress);
    await stage.ready();
    return stage;
  }

  private describe(config: StageConfig) {
    return stageInfo(this.options, config, this.stages, this.progress, (stage) => this.planOf(stage));
  }

  /** Releases the sessions of the runtime. The state is kept. */
  release(): Promise<void> {
    return this.runner.release();
  }
}

const endsTraining = (why: StopReason): boolean =>
  why === 'target' || why === 'perfect' || why === 'minutes' || why === 'interrupted';

const unreadable = (split: 'training' | 'validation') =>
  new ThawError(
    'bad-data',
    `no ${split} sample can be read any more`,
    'Put the data back and resume from the last checkpoint, which is whole; or export the best epoch so far',
  );
