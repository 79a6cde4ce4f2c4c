import type { Inference } from '../compiler/shapes/index.ts';
import { isAverage, type Proximity, type TrainingPlan } from '../compiler/step/index.ts';
import { type Batch, type BatchSource, Prefetched } from '../data/index.ts';
import type { Tensor } from '../onnx/index.ts';
import type { Runtime } from '../runtime/index.ts';
import type { Task, TaskOutcome } from '../tasks/index.ts';
import type { StageConfig, TrainingConfig } from './config.ts';
import { Evaluator } from './evaluator.ts';
import type { FeatureCache } from './features/index.ts';
import { withState } from './network-state.ts';
import { type Anatomy, headParameters, sharedPlan, trainingPlan } from './plan.ts';
import { stagesOf } from './presets.ts';
import type { Progress } from './progress.ts';
import { CompiledStage } from './stage.ts';
import type { StageState } from './stage-state.ts';
import type { UpdateSchedule } from './update-schedule.ts';
import { currentView, stagesBetweenViews } from './views.ts';

interface StageRunnerOptions<O extends TaskOutcome> {
  readonly network: Inference;
  readonly anatomy: Anatomy;
  readonly task: Task<O>;
  readonly train: BatchSource;
  readonly config: TrainingConfig;
  readonly runtime: Runtime;
  readonly features: FeatureCache;
  readonly proximal?: Proximity;
  readonly updates: UpdateSchedule;
  /** Whether several steps go into one run of a session. */
  readonly multiStep: boolean;
  /** The state that the training begins with. The model's values are used for everything that it lacks. */
  readonly initial?: StageState;
  /** The current state. Called when a stage has to make room for another one. */
  stateToCarry(): Promise<StageState>;
}

/** Compiles one stage after the other, reads its epochs ahead, and carries the state from stage to stage. */
export class StageRunner<O extends TaskOutcome> {
  private entered: { readonly config: StageConfig; readonly stage: CompiledStage<O> } | undefined;
  /** The epoch whose samples are being read. */
  private reading: { readonly epoch: number; readonly batches: Prefetched<Batch> } | undefined;
  /** State of the parameters that the compiled stage does not have. */
  private carried: Map<string, Tensor>;
  /** Evaluates while no stage is compiled. */
  private idleEvaluator: Promise<Evaluator<O>> | undefined;

  constructor(private readonly options: StageRunnerOptions<O>) {
    this.carried = new Map(options.initial);
  }

  /** Compiles a stage, unless it is compiled already. */
  async enter(config: StageConfig, progress: Progress): Promise<CompiledStage<O>> {
    if (this.entered?.config === config) return this.entered.stage;
    await this.release();
    const { network, anatomy, runtime, task, config: training, features: cache, multiStep } = this.options;
    const left = stagesOf(training, anatomy, progress).slice(progress.stage);
    const plans = left.map((stage) => this.planOf(stage, progress));
    const stage = await CompiledStage.compile({
      ...{ task, runtime, cache, multiStep, carried: this.carried },
      network: withState(network, this.carried),
      plan: plans[0],
      seed: training.seed,
      averaging: training.ema,
      shared: sharedPlan(network, plans),
      viewsReturn: plans.length > stagesBetweenViews(training),
    });
    // The stage has the averages of the parameters that it trains. A parameter that is frozen again keeps its last value.
    for (const name of [...this.carried.keys()].filter(isAverage)) this.carried.delete(name);
    cache.keepOnly(stage.frozen.models);
    this.entered = { config, stage };
    return stage;
  }

  /** An evaluator of the current weights: that of the compiled stage, or one without the graphs that train. */
  async evaluator(progress: Progress): Promise<Evaluator<O>> {
    if (this.entered) return this.entered.stage.evaluator;
    this.idleEvaluator ??= Evaluator.open({ ...this.options, checkpoint: { progress, state: this.carried } });
    return this.idleEvaluator;
  }

  /** The batches of an epoch. The first call begins to read them, next to whatever else is computed. */
  async prefetch(stage: CompiledStage<O>, progress: Progress): Promise<Prefetched<Batch>> {
    const { epoch, batch } = progress;
    if (this.reading?.epoch === epoch) return this.reading.batches;
    await this.reading?.batches.close();
    const { train, config, task } = this.options;
    // Showing a view again saves nothing if no features are cached.
    const repeats = stage.frozen.caches && !train.fleeting;
    const view = repeats ? currentView(config, task.metric, progress, this.trainsHeadAlone(stage, progress)) : epoch;
    const options = { epoch, view, batchSize: config.batch, from: batch };
    this.reading = { epoch, batches: new Prefetched(stage.frozen.batches(train, options)) };
    return this.reading.batches;
  }

  /** A copy of all state: that of the compiled stage, and that of parameters which only earlier stages trained. */
  async state(): Promise<Map<string, Tensor>> {
    const state = new Map(this.carried);
    for (const [name, tensor] of (await this.entered?.stage.state()) ?? []) state.set(name, tensor);
    return state;
  }

  /** Releases all sessions and carries the state of the compiled stage. */
  async release(): Promise<void> {
    await this.stopReading();
    if (this.entered) this.carried = new Map(await this.options.stateToCarry());
    await this.releaseStage();
  }

  /** Replaces the state. The next stage entered begins with it. */
  async restart(state: StageState): Promise<void> {
    await this.stopReading();
    await this.releaseStage();
    this.carried = new Map(state);
  }

  /** The training plan of a stage, by the current progress. */
  planOf(stage: StageConfig, { thawedAt, step }: Progress): TrainingPlan {
    const { anatomy, config, proximal, updates } = this.options;
    const thawProgress = { thawedAt, step, updatesPerEpoch: updates.updatesPerEpoch };
    return { ...trainingPlan(config, stage, anatomy, anatomy.head.graphOutput, thawProgress), proximal };
  }

  private trainsHeadAlone({ trainable }: CompiledStage<O>, progress: Progress): boolean {
    const { anatomy, config } = this.options;
    const head = headParameters(anatomy);
    return stagesOf(config, anatomy, progress).length === 1 && trainable.every((name) => head.includes(name));
  }

  private async stopReading(): Promise<void> {
    await this.reading?.batches.close();
    this.reading = undefined;
  }

  private async releaseStage(): Promise<void> {
    const [stage, evaluator] = [this.entered?.stage, this.idleEvaluator];
    this.entered = undefined;
    this.idleEvaluator = undefined;
    await stage?.release();
    await (await evaluator)?.release();
  }
}
