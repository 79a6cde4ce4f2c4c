import type { Inference } from '../compiler/shapes/index.ts';
import { AVERAGE_WEIGHT, averageOf, repeated, stepModels, type TrainingPlan } from '../compiler/step/index.ts';
import type { Batch } from '../data/index.ts';
import { elementCount, type Model, sizeOf, type Tensor, tensor, type Value } from '../onnx/index.ts';
import { Random } from '../random.ts';
import { loadable, machineOf, nextOf, type Runtime, State } from '../runtime/index.ts';
import type { Task, TaskOutcome } from '../tasks/index.ts';
import { type Averaging, decayAt } from './averaging.ts';
import { Evaluator, type Predictions, predictedBy } from './evaluator.ts';
import { FeatureCache, FrozenPart } from './features/index.ts';
import { LazySession } from './lazy-session.ts';
import { withinMemory } from './memory.ts';
import { stacked, unstacked } from './runs.ts';
import { initialState, layoutOf, replaceableIn, type StageState } from './stage-state.ts';

/** A batch and its place in the training. */
export interface TrainingStep {
  readonly batch: Batch;
  readonly lr: number;
  /** Number of the update that it is part of, over the whole run, from 1. It also seeds the noise. */
  readonly step: number;
  /** Number of the batch within the update, from 0. */
  readonly part?: number;
  /** Used if the plan moves the momentum. */
  readonly momentum?: number;
}

export interface StageOptions<O extends TaskOutcome> {
  /** The model with the current values of all its parameters. */
  readonly network: Inference;
  readonly plan: TrainingPlan;
  readonly task: Task<O>;
  readonly runtime: Runtime;
  /** Of the noise of dropout. */
  readonly seed: number;
  /** State of earlier stages, by name. Parameters that it lacks begin at the model's value, slots at zero. */
  readonly carried?: StageState;
  /** Takes the features of the frozen part. Nothing is cached without it. */
  readonly cache?: FeatureCache;
  /** The plan of the part that stays frozen in later stages too, if they thaw more. */
  readonly shared?: TrainingPlan;
  /** Whether a later stage shows the training samples in the same views. */
  readonly viewsReturn?: boolean;
  /** Of parameters and statistics. One without an average begins it at its value. */
  readonly averaging?: Averaging;
  /** Whether several steps go into one run of the session. */
  readonly multiStep?: boolean;
}

interface StageParts<O extends TaskOutcome> extends Pick<StageOptions<O>, 'task' | 'seed' | 'averaging'> {
  /** Names of the trainable parameters. */
  readonly trainable: readonly string[];
  /** The output that the loss reads. */
  readonly output: string;
  readonly frozen: FrozenPart;
  readonly evaluator: Evaluator<O>;
  /** Names of the frozen part's values that a step takes. */
  readonly boundary: readonly string[];
  readonly labels: Value;
  /** Inputs that take random numbers. */
  readonly noise: readonly Value[];
  readonly state: State;
  readonly multiStep: boolean;
  readonly viewsReturn: boolean;
  readonly takesMomentum: boolean;
  readonly step: LazySession;
  /** Makes the update if gradients are summed over batches. */
  readonly update?: LazySession;
}

/** The graphs of a stage at work: the frozen part, an evaluator, and a training step as one graph that carries its state. */
export class CompiledStage<O extends TaskOutcome = TaskOutcome> {
  private constructor(private readonly parts: StageParts<O>) {}

  static async compile<O extends TaskOutcome>(options: StageOptions<O>): Promise<CompiledStage<O>> {
    const { network, task, runtime, seed, carried = new Map(), shared, averaging } = options;
    const { cache = new FeatureCache({ maximumBytes: 0 }), viewsReturn = false, multiStep = false } = options;
    const plan = { ...options.plan, average: averaging !== undefined };
    const models = stepModels(network, plan, await machineOf(runtime));
    const { boundary, labels, noise, evaluation } = models;
    const inputs = models.step.graph.inputs.map(({ name }) => name);
    const initial = initialState(network, plan, inputs, carried);
    const state = new State(initial, layoutOf(models.stored), multiStep ? undefined : replaceableIn(models));
    const nexts = new Set([...initial.keys()].map(nextOf));
    const load = (model: Model) => {
      const resident = model.graph.outputs.map(({ name }) => name).filter((name) => nexts.has(name));
      return new LazySession(runtime, loadable(model), resident.length ? { resident } : {});
    };
    const frozen = await FrozenPart.compile({ network, plan, boundary, runtime, cache, shared });
    const names = (values: readonly { readonly name: string }[]) => values.map(({ name }) => name);
    const evaluator = new Evaluator({
      ...{ task, output: plan.output, frozen, labels: evaluation.labels, boundary: names(evaluation.boundary) },
      session: load(evaluation.model),
      weightsOf: (inputs) => state.feedsOf(inputs, averaging && averageOf),
    });
    return new CompiledStage({
      ...{
        task,
        seed,
        averaging,
        multiStep,
        viewsReturn,
        state,
        frozen,
        evaluator,
        noise,
        labels,
        output: plan.output,
      },
      trainable: [...plan.trainable],
      boundary: names(boundary),
      takesMomentum: names((models.update ?? models.step).graph.inputs).includes('momentum'),
      step: load(multiStep ? repeated(models.step, new Set(initial.keys())) : models.step),
      update: models.update && load(models.update),
    });
  }

  /** Names of the trainable parameters. */
  get trainable(): readonly string[] {
    return this.parts.trainable;
  }

  get frozen(): FrozenPart {
    return this.parts.frozen;
  }

  /** Evaluates the current weights, or their averages if there are some. */
  get evaluator(): Evaluator<O> {
    return this.parts.evaluator;
  }

  /** Loads the graphs of a training step, which the first step would load otherwise. */
  async ready(): Promise<void> {
    await this.parts.step.get();
    await this.parts.update?.get();
  }

  /**
   * Steps one after the other. Each is an update; if the plan accumulates, each is one more part of an update that `update` makes. A stage
   * for several steps runs them together, in batches of one size.
   *
   * @throws ThawError `memory` if there is too little of it for a batch
   */
  train(steps: readonly TrainingStep[]): Promise<Predictions<O>[]> {
    return withinMemory('a training step', steps[0].batch.indices.length, () => this.trainAll(steps));
  }

  private async trainAll(steps: readonly TrainingStep[]): Promise<Predictions<O>[]> {
    const { state, multiStep, task, output } = this.parts;
    const session = await this.parts.step.get();
    if (!multiStep) {
      const results: Predictions<O>[] = [];
      for (const step of steps) {
        const outcome = await state.run(session, await this.feedsOf(step), ['loss', output]);
        results.push(predictedBy(task, outcome, output, step.batch));
      }
      return results;
    }
    const feeds: Record<string, Tensor>[] = [];
    for (const step of steps) feeds.push(await this.feedsOf(step));
    const outcomes = await state.run(session, stacked(feeds), ['loss', output]);
    return steps.map(({ batch }, i) => predictedBy(task, unstacked(outcomes, i), output, batch));
  }

  /** The update by the mean gradient of the samples since the last one, if the plan accumulates. */
  async update(at: Omit<TrainingStep, 'batch'>): Promise<void> {
    const { update, state } = this.parts;
    if (update) await state.run(await update.get(), this.positionFeeds(at), []);
  }

  /** A copy of the current state. */
  state(): Promise<StageState> {
    return this.parts.state.read();
  }

  async release(): Promise<void> {
    const { state, evaluator, step, update } = this.parts;
    state.release();
    await Promise.all([evaluator.release(), step.release(), update?.release()]);
  }

  private async feedsOf(at: TrainingStep): Promise<Record<string, Tensor>> {
    const { frozen, boundary, viewsReturn, task, labels, update } = this.parts;
    const { batch, step, part = 0 } = at;
    return {
      ...(await frozen.values(batch, boundary, viewsReturn)),
      labels: task.labels(batch, labels),
      ...(update ? {} : this.positionFeeds(at)),
      ...this.drawNoise(part ? [step, part] : [step], batch),
    };
  }

  /** The inputs that depend on the update only. */
  private positionFeeds({ lr, step, momentum }: Omit<TrainingStep, 'batch'>): Record<string, Tensor> {
    const { takesMomentum, averaging } = this.parts;
    const scalar = (value: number) => tensor('float32', [], Float32Array.of(value));
    return {
      lr: scalar(lr),
      step: tensor('int64', [], BigInt64Array.of(BigInt(step))),
      ...(momentum !== undefined && takesMomentum && { momentum: scalar(momentum) }),
      ...(averaging && { [AVERAGE_WEIGHT]: scalar(1 - decayAt(averaging, step)) }),
    };
  }

  private drawNoise(position: readonly number[], { labels, sizes }: Batch): Record<string, Tensor> {
    const { noise, seed } = this.parts;
    return Object.fromEntries(
      noise.map(({ name, shape }) => {
        const random = new Random(seed, 'noise', name, ...position);
        const dims = shape.map((d) => sizeOf(d, { ...sizes, batch: labels.length }));
        const drawn = Float32Array.from({ length: elementCount(dims) }, () => random.uniform());
        return [name, tensor('float32', dims, drawn)];
      }),
    );
  }
}
