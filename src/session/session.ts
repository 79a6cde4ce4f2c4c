import type { BatchSource, Dataset } from '../data/index.ts';
import type { Runtime } from '../runtime/index.ts';
import type { Evaluated, Task, TaskOutcome, UnknownFit } from '../tasks/index.ts';
import {
  type Checkpoint,
  type FeatureCache,
  type StagePlan,
  stagePlans,
  Trainer,
  type TrainingConfig,
  type TrainingEvent,
} from '../training/index.ts';
import {
  checkModel,
  type FinishedModel,
  finishModel,
  type Measured,
  type ModelCheck,
  measure,
  shippedCheckpoint,
  type Trained,
  type Unmeasured,
} from './finish.ts';
import type { InputFormat } from './input-format.ts';
import type { Prepared } from './prepare.ts';
import type { TrainSettings } from './settings.ts';
import type { Sources } from './sources.ts';
import { fitUnknownSamples } from './unknown.ts';

/** Everything that a training consists of, once its model is prepared and its data is open. */
export interface SessionParts<
  O extends TaskOutcome = TaskOutcome,
  E extends Evaluated = Evaluated,
  A extends Evaluated = Evaluated,
> extends Prepared {
  readonly task: Task<O, E, A>;
  readonly dataset: Dataset;
  readonly format: InputFormat;
  readonly settings: TrainSettings;
  readonly config: TrainingConfig;
  readonly runtime: Runtime;
  readonly sources: Sources;
  /** Where the outputs of the frozen layers are kept. */
  readonly features: FeatureCache;
  /** The source's `config.json`. */
  readonly sourceConfig?: unknown;
  /** From where to continue. */
  readonly resume?: Checkpoint;
}

/** Where the weights of the best epoch are kept. */
export interface BestStore {
  /** Keeps a checkpoint in place of the one before. */
  put(checkpoint: Checkpoint): Promise<void>;
  /** The checkpoint that was kept last. */
  get(): Promise<Checkpoint | undefined>;
}

/** A finished training. */
export interface SessionResult<O extends TaskOutcome, A extends Evaluated> extends ModelCheck {
  readonly model: FinishedModel;
  readonly measured: Measured<O, A> | Unmeasured<O, A>;
  /** What recognises samples of none of the classes; null if the task has no classes, or too few samples. */
  readonly unknown: UnknownFit | null;
}

/**
 * One fine-tuning, from a prepared model and its data to a finished model, on any platform. `run()` gives its events and pauses until the
 * next one is requested; in between, `predict` and `checkpoint` may be called.
 *
 * @typeParam O outcome of a sample, `E` of a split after an epoch, `A` of a split at the end
 */
export class Session<
  O extends TaskOutcome = TaskOutcome,
  E extends Evaluated = Evaluated,
  A extends Evaluated = Evaluated,
> {
  private opened: Trainer<O, E> | undefined;
  /** The checkpoint of this moment, once somebody has asked for it. */
  private current: Promise<Checkpoint> | undefined;

  constructor(
    readonly parts: SessionParts<O, E, A>,
    private readonly best: BestStore = inMemory(),
  ) {}

  /** The stages, as far as they are decided. */
  get stages() {
    return this.trainer.stages;
  }

  get plan(): readonly StagePlan[] {
    return stagePlans(this.stages);
  }

  get stepsPerEpoch(): number {
    return Math.ceil(this.parts.sources.train.length / this.parts.config.batch);
  }

  /** The training plan of a stage, for the compiler. @param stage counted from 0 */
  planOf(stage: number) {
    return this.trainer.planOf(this.stages[stage]);
  }

  /** Trains to the end or until `stop()`. Pauses after each event until the next one is requested. */
  async *run(): AsyncGenerator<TrainingEvent<E>> {
    for await (const event of this.trainer.run()) {
      if (event.type === 'epoch' && event.best) await this.best.put(await this.checkpoint());
      yield event;
      this.current = undefined;
    }
  }

  /** Ends `run()` after the step under way. */
  stop(): void {
    this.trainer.interrupt();
  }

  /** Enough to continue from here, to the bit. */
  checkpoint(): Promise<Checkpoint> {
    this.current ??= this.trainer.checkpoint();
    return this.current;
  }

  /** The weights of the best epoch so far. */
  bestCheckpoint(): Promise<Checkpoint | undefined> {
    return this.best.get();
  }

  /** Predictions by the current weights. */
  async predict(source: BatchSource): Promise<readonly O[]> {
    return (await this.trainer.predict(source)).predictions;
  }

  /**
   * Measures and exports the best weights, or the current ones if no epoch was finished, and compares the exported model with the trainer.
   * The session can continue afterwards.
   */
  async finish(): Promise<SessionResult<O, A>> {
    const kept = (await this.best.get()) ?? (await this.checkpoint());
    await this.release();
    const trained = this.trained(kept);
    const measured = await measure(trained);
    const model = finishModel(trained, measured);
    const check = await checkModel(trained, measured, model);
    const unknown = await fitUnknownSamples(trained, model);
    this.opened = this.trainerFrom(trained.checkpoint);
    return { model, measured, unknown, ...check };
  }

  /** The weights of a checkpoint for shipping, with everything that measures and exports them. */
  trained(kept: Checkpoint): Trained<O, A> {
    const { sources, format, config } = this.parts;
    return {
      ...this.parts,
      ...{
        val: sources.val,
        test: sources.test,
        forUnknown: sources.forUnknown,
        preprocessing: format,
      },
      checkpoint: shippedCheckpoint(this.parts, config, kept),
    };
  }

  /** Releases the runtime's sessions and the trainer's state. The next call starts from the last checkpoint. */
  async release(): Promise<void> {
    await this.opened?.release();
    this.opened = undefined;
    this.current = undefined;
  }

  private get trainer(): Trainer<O, E> {
    this.opened ??= this.trainerFrom(this.parts.resume);
    return this.opened;
  }

  private trainerFrom(resume: Checkpoint | undefined): Trainer<O, E> {
    const { train, val } = this.parts.sources;
    return new Trainer({ ...this.parts, train, val, resume });
  }
}

/** Keeps the best weights in memory. @param best of a training that continues */
export function inMemory(best?: Checkpoint): BestStore {
  let kept = best;
  return {
    put: async (checkpoint) => {
      kept = checkpoint;
    },
    get: async () => kept,
  };
}
