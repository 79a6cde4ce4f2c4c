import type { Inference } from '../compiler/shapes/index.ts';
import { isAverage, type Proximity, type TrainingPlan } from '../compiler/step/index.ts';
import type { Batch, BatchSource } from '../data/index.ts';
import type { Tensor } from '../onnx/index.ts';
import type { Runtime } from '../runtime/index.ts';
import type { Task, TaskOutcome } from '../tasks/index.ts';
import type { StageConfig, TrainingConfig } from './config.ts';
import type { FeatureCache } from './features/index.ts';
import { withState } from './network-state.ts';
import { type Anatomy, STAGES_BETWEEN_VIEWS, sharedPlan, trainingPlan, viewOf } from './plan.ts';
import { Prefetched } from './prefetched.ts';
import type { Progress } from './progress.ts';
import { CompiledStage, type StageState } from './stage.ts';
import type { UpdateSchedule } from './update-schedule.ts';

interface StageRunnerOptions<O extends TaskOutcome> {
  readonly network: Inference;
  readonly anatomy: Anatomy;
  readonly task: Task<O>;
  readonly train: BatchSource;
  readonly config: TrainingConfig;
  readonly runtime: Runtime;
  readonly features: FeatureCache;
  readonly proximal?: Proximity;
  readonly stages: readonly StageConfig[];
  readonly updates: UpdateSchedule;
  /** Whether several steps go into one run. */
  readonly several: boolean;
}

/** Stages one after the other: the one that is compiled, the epoch whose samples it reads, and the state that it takes from those before. */
export class StageRunner<O extends TaskOutcome> {
  private stage: CompiledStage<O> | undefined;
  /** What `stage` was compiled from. */
  private entered: StageConfig | undefined;
  /** The epoch whose samples are being read. */
  private opened: { readonly epoch: number; readonly batches: Prefetched<Batch> } | undefined;

  /** State of the parameters that are not in the stage under way. */
  private carried: Map<string, Tensor>;

  /** @param state to begin with; what is missing is the model's */
  constructor(
    private readonly options: StageRunnerOptions<O>,
    state?: StageState,
  ) {
    this.carried = new Map(state);
  }

  /** The compiled stage. @param leave the state as it is, asked for where another stage has to make room */
  async enter(config: StageConfig, progress: Progress, leave: () => Promise<StageState>): Promise<CompiledStage<O>> {
    if (this.entered === config && this.stage) return this.stage;
    await this.release(leave);
    const { network, runtime, task, config: training, features, stages, several } = this.options;
    const plan = this.planOf(config, progress);
    const index = stages.indexOf(config);
    const rest = stages.slice(index).map((stage) => this.planOf(stage, progress));
    this.stage = await CompiledStage.compile(
      withState(network, this.carried),
      plan,
      task,
      runtime,
      this.carried,
      training.seed,
      {
        cache: features,
        shared: sharedPlan(network, rest),
        lasting: rest.length > STAGES_BETWEEN_VIEWS,
        averaging: training.ema,
        several,
      },
    );
    // The stage has those of what it trains; what is frozen again stays as it was trained.
    for (const name of [...this.carried.keys()].filter(isAverage)) this.carried.delete(name);
    features.keepOnly(this.stage.frozen.models);
    this.entered = config;
    return this.stage;
  }

  /** The stage that is compiled, if any is. */
  get current(): CompiledStage<O> | undefined {
    return this.stage;
  }

  /** An epoch's batches, unless they are being read already: they are decoded beside whatever else there is to do before. */
  async open(stage: CompiledStage<O>, progress: Progress): Promise<Prefetched<Batch>> {
    const { stage: index, stageEpoch, epoch, batch } = progress;
    if (this.opened?.epoch === epoch) return this.opened.batches;
    await this.opened?.batches.close();
    const { train, config } = this.options;
    // Where nothing is remembered, an image shown again saves nothing.
    const views = stage.frozen.remembers && !train.fleeting ? config.views : 0;
    const view = viewOf({ stage: index, stageEpoch, epoch }, views);
    const batches = new Prefetched(stage.batches(train, { epoch, view, batchSize: config.batch, from: batch }));
    this.opened = { epoch, batches };
    return batches;
  }

  /** A copy of all state: of the stage under way, and of what only earlier ones trained. */
  async state(): Promise<Map<string, Tensor>> {
    const state = new Map(this.carried);
    for (const [name, tensor] of (await this.stage?.state()) ?? []) state.set(name, tensor);
    return state;
  }

  /** Gives back what the stage under way holds of the runtime. @param leave the state to go on with */
  async release(leave: () => Promise<StageState>): Promise<void> {
    await this.opened?.batches.close();
    this.opened = undefined;
    if (!this.stage) return;
    this.carried = new Map(await leave());
    await this.stage.release();
    this.stage = undefined;
  }

  /** Goes on with another state, which the next stage entered takes. */
  async restart(state: StageState): Promise<void> {
    await this.release(async () => state);
    this.carried = new Map(state);
  }

  /** What the compiler makes of a stage as the training stands. */
  planOf(stage: StageConfig, { thawedAt, step }: Progress): TrainingPlan {
    const { anatomy, config, proximal, updates } = this.options;
    const thawProgress = { thawedAt, step, updatesPerEpoch: updates.updatesPerEpoch };
    return { ...trainingPlan(config, stage, anatomy, anatomy.head.graphOutput, thawProgress), proximal };
  }
}
