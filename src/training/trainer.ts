import { isAverage, isSum, type Proximity, type TrainingPlan } from '../artifacts/index.ts';
import type { Batch, BatchSource } from '../data/index.ts';
import type { Tensor } from '../onnx/index.ts';
import { type Runtime, stepsPerRun } from '../runtime/index.ts';
import type { Inference } from '../shapes/index.ts';
import type { Evaluated, Evaluation, Prediction, Task, TaskOutcome } from '../tasks/index.ts';
import { Ahead } from './ahead.ts';
import type { Checkpoint } from './checkpoint.ts';
import type { StageConfig, TrainingConfig } from './config.ts';
import type { EpochRow, StageEnd, StageInfo, StopReason, TrainingEvent } from './events.ts';
import { FeatureCache } from './features/index.ts';
import { type Finding, findingsOf } from './findings.ts';
import { withState } from './network-state.ts';
import { type Anatomy, sharedPlan, trainingPlan, viewOf } from './plan.ts';
import { planStages } from './presets.ts';
import { afterBatch, afterEpoch, afterStage, isBetter, type Progress, START, withThawed } from './progress.ts';
import { type Fault, faultOf, rateFactor, rolledBack } from './rollback.ts';
import { addBatch, meanScores } from './running.ts';
import { inRuns } from './runs.ts';
import { scheduledMomentum, scheduleFactor } from './schedules.ts';
import { CompiledStage } from './stage.ts';
import { layersOf } from './stage-info.ts';
import { verdict } from './stopping.ts';

export interface TrainerOptions<O extends TaskOutcome = Prediction, E extends Evaluated = Evaluation> {
  /** The model, its new head in place. */
  readonly network: Inference;
  readonly anatomy: Anatomy;
  readonly task: Task<O, E>;
  readonly train: BatchSource;
  readonly val: BatchSource;
  readonly config: TrainingConfig;
  readonly runtime: Runtime;
  /** What the frozen parts make of pictures; a gibibyte in memory unless given. */
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
export class Trainer<O extends TaskOutcome = Prediction, E extends Evaluated = Evaluation> {
  readonly stages: readonly StageConfig[];
  private progress: Progress;
  /** State of the parameters that are not in the stage under way. */
  private carried: Map<string, Tensor>;
  private stage: CompiledStage<O> | undefined;
  /** What `stage` was compiled from. */
  private entered: StageConfig | undefined;
  /** The epoch whose pictures are being read. */
  private opened: { readonly epoch: number; readonly batches: Ahead<Batch> } | undefined;
  /** To go back to where a loss goes wrong: the epoch's start. */
  private good: Checkpoint | undefined;
  private interrupted = false;
  private readonly features: FeatureCache;

  constructor(private readonly options: TrainerOptions<O, E>) {
    this.features = options.features ?? new FeatureCache();
    this.stages = planStages(options.config, options.anatomy);
    this.progress = options.resume?.progress ?? START;
    this.carried = new Map(options.resume?.state);
    if (options.config.rollbacks.most) this.good = options.resume?.good ?? options.resume;
  }

  /** Asks the training to stop after the step under way. */
  interrupt(): void {
    this.interrupted = true;
  }

  async *run(): AsyncGenerator<TrainingEvent<E>> {
    let why: StopReason = 'finished';
    try {
      if (this.progress.step === 0) {
        await this.openEpoch(await this.enterStage(this.stages[0]), this.progress);
        const val = await this.evaluate();
        this.progress = { ...this.progress, entry: this.options.task.scores(val) };
        yield { type: 'before', val };
      }
      while (this.progress.stage < this.stages.length && why !== 'target' && why !== 'interrupted') {
        why = yield* this.runStage(this.stages[this.progress.stage]);
        if (why !== 'target' && why !== 'interrupted') this.progress = afterStage(this.progress);
      }
    } finally {
      await this.release();
    }
    yield {
      type: 'end',
      why,
      best: this.progress.best ?? { epoch: 0, loss: Number.NaN, [this.metric.key]: Number.NaN },
    };
  }

  private async *runStage(config: StageConfig): AsyncGenerator<TrainingEvent<E>, StopReason> {
    const began = performance.now();
    const { config: training } = this.options;
    let stage = await this.enterStage(config);
    let why = verdict(config, training, this.progress, this.metric);
    if (!why) await this.openEpoch(stage, this.progress);
    yield { type: 'stage', ...this.describe(config) };
    if (this.progress.batch === 0) await this.keepGood();
    while (!why) {
      const result = (yield* this.runEpoch(stage, config)) ?? (await this.measureEpoch(stage, config));
      if (result === 'interrupted') return result;
      if ('reason' in result) {
        yield await this.rollBack(result);
        if (this.interrupted) return 'interrupted';
        stage = await this.enterStage(config);
        continue;
      }
      const { row, findings } = result;
      const best = isBetter(this.metric, row.val, this.progress.best);
      this.progress = afterEpoch(this.progress, row, this.metric, findings);
      await this.keepGood();
      yield { type: 'epoch', best, ...row };
      for (const finding of findings) yield { type: 'finding', ...finding };
      if (this.interrupted) return 'interrupted';
      why = verdict(config, training, this.progress, this.metric);
    }
    yield { type: 'stage-end', seconds: (performance.now() - began) / 1000, why, ...this.gain() };
    return why;
  }

  /** @returns what ended it before its last batch */
  private async *runEpoch(
    stage: CompiledStage<O>,
    config: StageConfig,
  ): AsyncGenerator<TrainingEvent<E>, Fault | 'interrupted' | undefined> {
    await this.openEpoch(stage, this.progress);
    const { accumulate } = this.options.config;
    // A run ends with the update that it is part of.
    const most = () =>
      Math.min(this.stepsPerRun, accumulate === 1 ? this.stepsPerRun : accumulate - (this.progress.batch % accumulate));
    let asked = performance.now();
    for await (const batches of inRuns(this.opened!.batches, most)) {
      const began = performance.now();
      const steps = batches.map((batch, i) => this.positioned(batch, config, this.progress.batch + i));
      const results = await stage.train(steps);
      const last = steps.at(-1)!;
      if (last.part + 1 === accumulate) await stage.update(last);
      let fault: Fault | undefined;
      const each = (ms: number) => ms / 1000 / steps.length;
      const [waited, computed] = [each(began - asked), each(performance.now() - began)];
      const events = results.map((result, i): TrainingEvent<E> => {
        const complete = steps[i].part + 1 === accumulate;
        const scores = addBatch(this.progress.scores, this.options.task, result.loss, result.predictions);
        this.progress = afterBatch(this.progress, result.loss, scores, waited + computed, complete);
        if (complete) this.progress = withThawed(this.progress, stage.trainable);
        fault ??= this.faultAt('training', steps[i], this.progress.level!.recent, result.loss);
        return {
          type: 'step',
          epoch: this.progress.epoch + 1,
          step: this.progress.batch,
          steps: this.batchesPerEpoch,
          loss: result.loss,
          sofar: meanScores(scores, this.options.task),
          lr: steps[i].lr,
          samples: result.predictions.length,
          waited,
          computed,
        };
      });
      if (fault) return fault;
      // Whoever asks for a checkpoint now gets state and progress of the same moment, the end of the run.
      yield* events;
      if (this.interrupted) return 'interrupted';
      asked = performance.now();
    }
    if (this.progress.batch % accumulate) {
      // Too few batches are left for a whole update.
      await stage.update({ ...this.rates(config, this.progress.batch - 1), step: this.progress.step + 1 });
      this.progress = withThawed({ ...this.progress, step: this.progress.step + 1 }, stage.trainable);
    }
    return undefined;
  }

  /** The epoch's row, while the next one's pictures are being read. */
  private async measureEpoch(
    stage: CompiledStage<O>,
    config: StageConfig,
  ): Promise<Fault | { readonly row: EpochRow; readonly findings: readonly Finding[] }> {
    const { task, val: source } = this.options;
    const { epoch, stageEpoch, step, findings } = this.progress;
    const started = performance.now();
    const next = { ...this.progress, epoch: epoch + 1, stageEpoch: stageEpoch + 1, batch: 0 };
    if (next.stageEpoch < config.epochs) await this.openEpoch(stage, next);
    const { loss, predictions } = await this.predict(source);
    const fault = this.faultAt('validation', { step, lr: this.lastRate(config) }, loss);
    if (fault) return fault;
    const val = task.evaluation(predictions, loss);
    const row = this.row(config, val, (performance.now() - started) / 1000);
    return { row, findings: findingsOf(task, predictions, val, row, findings) };
  }

  /** @param recent what the loss is judged by, where that is not itself */
  private faultAt(
    seen: Fault['seen'],
    { step, lr }: Pick<Fault, 'step' | 'lr'>,
    recent: number,
    loss = recent,
  ): Fault | undefined {
    const reason = faultOf(seen, recent, this.progress.level);
    return reason && { epoch: this.progress.epoch + 1, step, seen, reason, loss, lr };
  }

  /** Goes back to the last good state. @throws ThawError `diverged` where that is no use */
  private async rollBack(fault: Fault): Promise<TrainingEvent<E>> {
    const { progress, state } = rolledBack(this.good, fault, this.options.config);
    await this.release();
    this.carried = new Map(state);
    this.progress = progress;
    this.good = { progress, state };
    return { type: 'rollback', ...progress.rollbacks.at(-1)! };
  }

  /** Remembers an epoch's start. */
  private async keepGood(): Promise<void> {
    this.good = undefined;
    if (this.options.config.rollbacks.most) this.good = await this.checkpoint();
  }

  /** Begins to read an epoch's pictures, unless that is under way: they are decoded beside whatever else there is to do before. */
  private async openEpoch(
    stage: CompiledStage<O>,
    { stage: index, stageEpoch, epoch, batch }: Progress,
  ): Promise<void> {
    if (this.opened?.epoch === epoch) return;
    await this.opened?.batches.close();
    const { train, config } = this.options;
    // Where nothing is remembered, a picture shown again saves nothing.
    const views = stage.frozen.remembers && !train.fleeting ? config.views : 0;
    const view = viewOf(this.stages, { stage: index, stageEpoch, epoch }, views);
    const batches = stage.batches(train, { epoch, view, batchSize: config.batch, from: batch });
    this.opened = { epoch, batches: new Ahead(batches) };
  }

  /** Where the training stands, its tensors copied. */
  async checkpoint(): Promise<Checkpoint> {
    if (this.good?.progress === this.progress) return this.good;
    const state = new Map(this.carried);
    for (const [name, tensor] of (await this.stage?.state()) ?? []) state.set(name, tensor);
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
    const stage =
      this.stage ?? (await this.enterStage(this.stages[Math.min(this.progress.stage, this.stages.length - 1)]));
    return stage.evaluate(source, this.options.config.batch);
  }

  // --------------------------------------------------------------------------------------------------------------

  private get batchesPerEpoch(): number {
    return Math.ceil(this.options.train.length / this.options.config.batch);
  }

  private get updatesPerEpoch(): number {
    return Math.ceil(this.batchesPerEpoch / this.options.config.accumulate);
  }

  private get stepsPerRun(): number {
    const { config, runtime } = this.options;
    return config.stepsPerRun ?? stepsPerRun(runtime);
  }

  /** @param index of the batch in the epoch under way, from 0 */
  private positioned(batch: Batch, stage: StageConfig, index: number) {
    const { accumulate } = this.options.config;
    const { step, batch: done } = this.progress;
    const part = index % accumulate;
    return {
      batch,
      ...this.rates(stage, index),
      step: step + 1 + Math.floor(index / accumulate) - Math.floor(done / accumulate),
      part,
    };
  }

  /** What the schedule says. @param batch of the epoch under way, from 0 */
  private rates(stage: StageConfig, batch: number): { readonly lr: number; readonly momentum?: number } {
    const { config } = this.options;
    const { stage: index, stageEpoch, rows } = this.progress;
    const stepsPerEpoch = this.updatesPerEpoch;
    const moment = {
      step: stageEpoch * stepsPerEpoch + Math.floor(batch / config.accumulate),
      steps: stage.epochs * stepsPerEpoch,
      stepsPerEpoch,
      val: rows.filter((row) => row.stage === index + 1).map(({ val }) => val),
      metric: this.metric,
    };
    const schedule = stage.schedule ?? config.schedule;
    const lr = (stage.lr ?? config.lr) * scheduleFactor(schedule, moment) * rateFactor(config, this.progress);
    return { lr, momentum: scheduledMomentum(schedule, moment) };
  }

  /** Of the epoch's last step so far. */
  private lastRate(config: StageConfig): number {
    return this.rates(config, Math.max(0, this.progress.batch - 1)).lr;
  }

  private async enterStage(config: StageConfig): Promise<CompiledStage<O>> {
    if (this.entered === config && this.stage) return this.stage;
    await this.release();
    const { network, runtime, config: training } = this.options;
    const plan = this.planOf(config);
    this.stage = await CompiledStage.compile(
      withState(network, this.carried),
      plan,
      this.options.task,
      runtime,
      this.carried,
      training.seed,
      {
        cache: this.features,
        shared: sharedPlan(
          network,
          this.stages.slice(this.stages.indexOf(config)).map((stage) => this.planOf(stage)),
        ),
        averaging: training.ema,
        several: this.stepsPerRun > 1,
      },
    );
    // The stage has those of what it trains; what is frozen again stays as it was trained.
    for (const name of [...this.carried.keys()].filter(isAverage)) this.carried.delete(name);
    this.features.keepOnly(this.stage.frozen.models);
    this.entered = config;
    return this.stage;
  }

  /** Gives back what the stage under way holds of the runtime; its state is kept. For those who evaluate outside of `run()`. */
  async release(): Promise<void> {
    await this.opened?.batches.close();
    this.opened = undefined;
    if (!this.stage) return;
    this.carried = new Map((await this.checkpoint()).state);
    await this.stage.release();
    this.stage = undefined;
  }

  /** What the compiler makes of a stage as the training stands. */
  planOf(stage: StageConfig): TrainingPlan {
    const { anatomy, config, proximal } = this.options;
    const { thawedAt, step } = this.progress;
    const standing = { thawedAt, step, updatesPerEpoch: this.updatesPerEpoch };
    return { ...trainingPlan(config, stage, anatomy, this.output, standing), proximal };
  }

  private get metric() {
    return this.options.task.metric;
  }

  private get output(): string {
    return this.options.anatomy.head.graphOutput;
  }

  private describe(config: StageConfig): StageInfo {
    const { network, anatomy, config: training } = this.options;
    const earlier = this.stages.slice(0, this.progress.stage).map((stage) => this.planOf(stage));
    return {
      stage: this.progress.stage + 1,
      stages: this.stages.length,
      train: String(config.train),
      ...layersOf(network, anatomy, this.planOf(config), earlier),
      epochs: config.epochs,
      lr: (config.lr ?? training.lr) * rateFactor(training, this.progress),
    };
  }

  /** The stage under way, and the validation scores before it and of its best epoch. */
  private gain(): Pick<StageEnd, 'stage' | 'before' | 'after'> {
    const { stage, entry, rows } = this.progress;
    const own = rows.filter((row) => row.stage === stage + 1).map(({ val }) => val);
    const after = own.reduce((best, val) => (isBetter(this.metric, val, best) ? val : best));
    return { stage: stage + 1, before: entry, after };
  }

  private row(config: StageConfig, val: E, seconds: number): EpochRow {
    return {
      epoch: this.progress.epoch + 1,
      stage: this.progress.stage + 1,
      trainable: this.describe(config).trainable,
      lr: this.lastRate(config),
      train: meanScores(this.progress.scores, this.options.task),
      val: this.options.task.scores(val),
      seconds: this.progress.seconds + seconds,
    };
  }
}
