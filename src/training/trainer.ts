import { isAverage, isSum, type Proximity, type TrainingPlan } from '../artifacts/index.ts';
import type { Batch, BatchSource } from '../data/index.ts';
import { ThawError } from '../errors.ts';
import type { Tensor } from '../onnx/index.ts';
import { type Runtime, stepsPerRun } from '../runtime/index.ts';
import type { Inference } from '../shapes/index.ts';
import {
  type Evaluated,
  type Evaluation,
  merit,
  type Prediction,
  type Task,
  type TaskOutcome,
} from '../tasks/index.ts';
import { Ahead } from './ahead.ts';
import type { StageConfig, TrainingConfig } from './config.ts';
import type { EpochRow, StageEnd, StageInfo, StopReason, TrainingEvent } from './events.ts';
import { FeatureCache } from './features/index.ts';
import { type Anatomy, sharedPlan, trainingPlan, viewOf } from './plan.ts';
import { planStages } from './presets.ts';
import { afterBatch, afterEpoch, afterStage, isBetter, type Progress, START } from './progress.ts';
import { addBatch, meanScores } from './running.ts';
import { inRuns } from './runs.ts';
import { scheduledMomentum, scheduleFactor } from './schedules.ts';
import { CompiledStage } from './stage.ts';

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

/** All that a training needs to go on: by name the parameters that ever trained, their optimizer state, moving statistics. */
export interface Checkpoint {
  readonly progress: Progress;
  readonly state: ReadonlyMap<string, Tensor>;
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
  private interrupted = false;
  private readonly features: FeatureCache;

  constructor(private readonly options: TrainerOptions<O, E>) {
    this.features = options.features ?? new FeatureCache();
    this.stages = planStages(options.config, options.anatomy);
    this.progress = options.resume?.progress ?? START;
    this.carried = new Map(options.resume?.state);
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
    const stage = await this.enterStage(config);
    let why = this.verdict(config);
    if (!why) await this.openEpoch(stage, this.progress);
    yield { type: 'stage', ...this.describe(config) };
    while (!why) {
      if (!(yield* this.runEpoch(stage, config))) return 'interrupted';
      const started = performance.now();
      const next = {
        ...this.progress,
        epoch: this.progress.epoch + 1,
        stageEpoch: this.progress.stageEpoch + 1,
        batch: 0,
      };
      if (next.stageEpoch < config.epochs) await this.openEpoch(stage, next);
      const val = await this.evaluate();
      const row = this.row(config, val, (performance.now() - started) / 1000);
      if (!Number.isFinite(val.loss)) throw diverged(this.progress.step, row.lr);
      const best = isBetter(this.metric, row.val, this.progress.best);
      this.progress = afterEpoch(this.progress, row, this.metric);
      yield { type: 'epoch', best, ...row };
      if (this.interrupted) return 'interrupted';
      why = this.verdict(config);
    }
    yield { type: 'stage-end', seconds: (performance.now() - began) / 1000, why, ...this.gain() };
    return why;
  }

  /** @returns false when interrupted */
  private async *runEpoch(stage: CompiledStage<O>, config: StageConfig): AsyncGenerator<TrainingEvent<E>, boolean> {
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
      const each = (ms: number) => ms / 1000 / steps.length;
      const [waited, computed] = [each(began - asked), each(performance.now() - began)];
      const events = results.map((result, i): TrainingEvent<E> => {
        const complete = steps[i].part + 1 === accumulate;
        const scores = addBatch(this.progress.scores, this.options.task, result.loss, result.predictions);
        this.progress = afterBatch(this.progress, scores, waited + computed, complete);
        if (complete) this.noteThawed(stage);
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
      // Whoever asks for a checkpoint now gets state and progress of the same moment, the end of the run.
      yield* events;
      const failed = results.findIndex(({ loss }) => !Number.isFinite(loss));
      if (failed >= 0) throw diverged(steps[failed].step, steps[failed].lr);
      if (this.interrupted) return false;
      asked = performance.now();
    }
    if (this.progress.batch % accumulate) {
      // Too few batches are left for a whole update.
      await stage.update({ ...this.rates(config, this.progress.batch - 1), step: this.progress.step + 1 });
      this.progress = { ...this.progress, step: this.progress.step + 1 };
      this.noteThawed(stage);
    }
    return true;
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
    const state = new Map(this.carried);
    for (const [name, tensor] of (await this.stage?.state()) ?? []) state.set(name, tensor);
    // Between updates the sums of gradients are zero.
    if (this.progress.batch % this.options.config.accumulate === 0)
      for (const name of [...state.keys()].filter(isSum)) state.delete(name);
    return { progress: this.progress, state };
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
    const lr = (stage.lr ?? config.lr) * scheduleFactor(schedule, moment);
    return { lr, momentum: scheduledMomentum(schedule, moment) };
  }

  /** Why the stage ends here, after so many epochs; undefined where it goes on. */
  private verdict(stage: StageConfig): StopReason | undefined {
    const { target, patience } = this.options.config;
    const { rows, stageEpoch, stale } = this.progress;
    if (stageEpoch === 0) return undefined;
    const reaches = (goal: number | undefined) =>
      goal !== undefined && merit(this.metric, rows.at(-1)!.val) >= merit(this.metric, { [this.metric.key]: goal });
    if (reaches(target)) return 'target';
    if (reaches(stage.until)) return 'until';
    const limit = stage.patience ?? patience;
    if (limit !== undefined && stale >= limit) return 'plateau';
    return stageEpoch >= stage.epochs ? 'finished' : undefined;
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

  /** Begins the count of parameters that are new; an update that a parameter frozen again had no part in is not counted. */
  private noteThawed(stage: CompiledStage<O>): void {
    const { thawedAt, step } = this.progress;
    const taking = new Set(stage.trainable);
    const fresh = stage.trainable.filter((name) => !(name in thawedAt)).map((name) => [name, step - 1]);
    const frozen = Object.entries(thawedAt).flatMap(([name, count]) => (taking.has(name) ? [] : [[name, count + 1]]));
    if (!fresh.length && !frozen.length) return;
    this.progress = { ...this.progress, thawedAt: { ...thawedAt, ...Object.fromEntries([...fresh, ...frozen]) } };
  }

  private describe(config: StageConfig): StageInfo {
    const { groups } = this.options.anatomy;
    const { trainable } = this.planOf(config);
    const { initializers } = this.options.network.model.graph;
    const size = (names: Iterable<string>) =>
      [...names].reduce((all, name) => all + initializers.get(name)!.data.length, 0);
    const all = groups.flatMap((group) => group.parameters);
    const earlier = this.stages.slice(0, this.progress.stage).map((stage) => this.planOf(stage).trainable);
    const having = (wanted: (name: string) => boolean) =>
      groups.filter(({ parameters }) => parameters.some(wanted)).map(({ name }) => name);
    return {
      stage: this.progress.stage + 1,
      stages: this.stages.length,
      train: String(config.train),
      groups: having((name) => trainable.has(name)),
      thawed: having((name) => trainable.has(name) && !earlier.some((before) => before.has(name))),
      trainable: size(trainable),
      frozen: size(all) - size(trainable),
      epochs: config.epochs,
      lr: config.lr ?? this.options.config.lr,
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
      lr: this.rates(config, Math.max(0, this.progress.batch - 1)).lr,
      train: meanScores(this.progress.scores, this.options.task),
      val: this.options.task.scores(val),
      seconds: this.progress.seconds + seconds,
    };
  }
}

/** The network with parameters and statistics as training left them. */
export function withState(network: Inference, state: ReadonlyMap<string, Tensor>): Inference {
  const { graph } = network.model;
  const initializers = new Map([...graph.initializers].map(([name, tensor]) => [name, state.get(name) ?? tensor]));
  const pretrained = network.pretrained ?? graph.initializers;
  return { ...network, pretrained, model: { ...network.model, graph: { ...graph, initializers } } };
}

const diverged = (step: number, lr: number) =>
  new ThawError(
    'diverged',
    `the loss is no longer a number after step ${step} (learning rate ${lr})`,
    'Train with a smaller --lr; the best checkpoint before it is kept',
  );
