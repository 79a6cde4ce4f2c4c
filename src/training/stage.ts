import { fromStored, type Stored, toStored } from '../compiler/kernels/index.ts';
import type { Inference } from '../compiler/shapes/index.ts';
import {
  AVERAGE_WEIGHT,
  averageOf,
  repeated,
  replaceable,
  SAMPLES,
  type StepModels,
  slotsOf,
  stepModels,
  sumOf,
  type TrainingPlan,
} from '../compiler/step/index.ts';
import type { Batch, BatchOptions, BatchSource } from '../data/index.ts';
import { elementCount, sizeOf, type Tensor, tensor, type Value } from '../onnx/index.ts';
import { Random } from '../random.ts';
import { copyTensor, type Layout, loadable, machineOf, nextOf, type Runtime, State } from '../runtime/index.ts';
import type { Task, TaskOutcome } from '../tasks/index.ts';
import { type Averaging, decayAt } from './averaging.ts';
import { checkTensor } from './checkpoint-check.ts';
import { FeatureCache, FrozenPart } from './features/index.ts';
import { LazySession } from './lazy-session.ts';
import { withinMemory } from './memory.ts';
import { addBatch, NO_SCORES } from './running.ts';
import { stacked, unstacked } from './runs.ts';

/** One step's outcome. */
export interface StepResult<O extends TaskOutcome> {
  readonly loss: number;
  readonly predictions: readonly O[];
}

/** A batch and where it stands in the training. */
export interface TrainingStep {
  readonly batch: Batch;
  readonly lr: number;
  /** Number of the update that it is for, over the whole run, from 1; it also seeds the noise. */
  readonly step: number;
  /** Number of the batch within the update, from 0. */
  readonly part?: number;
  /** Counts where the plan moves it. */
  readonly momentum?: number;
}

export interface CompileOptions {
  /** Of what the frozen part makes of samples; nothing is kept unless given. */
  readonly cache?: FeatureCache;
  /** Plan of what stays frozen in later stages too, where they thaw more. */
  readonly shared?: TrainingPlan;
  /** Whether a later stage shows the training samples in the same views. */
  readonly lasting?: boolean;
  /** Of parameters and statistics; what has no average yet begins it at its value. */
  readonly averaging?: Averaging;
  /** Whether several steps go into one run. */
  readonly several?: boolean;
}

/** The state that a stage needs and leaves: parameters, `<parameter>.<slot>`, moving statistics, by name. */
export type StageState = ReadonlyMap<string, Tensor>;

/**
 * A stage's compiled graphs at work: the frozen part as an inference session, the rest of a training step as one graph that
 * carries its state.
 */
export class CompiledStage<O extends TaskOutcome = TaskOutcome> {
  private constructor(
    /** Names of the trainable parameters. */
    readonly trainable: readonly string[],
    private readonly task: Task<O>,
    private readonly seed: number,
    private readonly output: string,
    /** What comes before the boundary. */
    readonly frozen: FrozenPart,
    private readonly boundary: { readonly training: readonly string[]; readonly evaluation: readonly string[] },
    private readonly labels: { readonly training: Value; readonly evaluation: Value },
    private readonly noise: readonly { readonly name: string; readonly shape: readonly (number | string)[] }[],
    private readonly current: State,
    private readonly several: boolean,
    private readonly lasting: boolean,
    private readonly sessions: {
      readonly step: LazySession;
      /** Where gradients are summed over batches. */
      readonly update?: LazySession;
      readonly evaluation: LazySession;
    },
    private readonly takesMomentum: boolean,
    private readonly averaging: Averaging | undefined,
  ) {}

  /**
   * @param network the model with the current values of all its parameters
   * @param carried state by name from earlier stages; what is missing begins at the model's value, slots at zero
   */
  static async compile<O extends TaskOutcome>(
    network: Inference,
    given: TrainingPlan,
    task: Task<O>,
    runtime: Runtime,
    carried: StageState,
    seed: number,
    {
      cache = new FeatureCache({ maximumBytes: 0 }),
      shared,
      lasting = false,
      averaging,
      several = false,
    }: CompileOptions = {},
  ): Promise<CompiledStage<O>> {
    const plan = { ...given, average: averaging !== undefined };
    const models = stepModels(network, plan, await machineOf(runtime));
    const state = initialState(
      network,
      plan,
      models.step.graph.inputs.map((i) => i.name),
      carried,
    );
    const nexts = new Set([...state.keys()].map(nextOf));
    const load = (model: typeof models.step) => {
      const resident = model.graph.outputs.map(({ name }) => name).filter((name) => nexts.has(name));
      return new LazySession(runtime, loadable(model), resident.length ? { resident } : {});
    };
    return new CompiledStage(
      [...plan.trainable],
      task,
      seed,
      plan.output,
      await FrozenPart.compile(network, plan, models, runtime, cache, shared),
      {
        training: models.boundary.training.map(({ name }) => name),
        evaluation: models.boundary.evaluation.map(({ name }) => name),
      },
      models.labels,
      models.noise,
      new State(state, layoutOf(models.stored), several ? undefined : replaceableIn(models)),
      several,
      lasting,
      {
        step: load(several ? repeated(models.step, new Set(state.keys())) : models.step),
        update: models.update && load(models.update),
        evaluation: load(models.evaluation),
      },
      (models.update ?? models.step).graph.inputs.some(({ name }) => name === 'momentum'),
      averaging,
    );
  }

  /** Loads what steps take beyond an evaluation, which would be loaded in the first of them. */
  async ready(): Promise<void> {
    await this.sessions.step.get();
    await this.sessions.update?.get();
  }

  /** The batches of a source, without the data of samples that are known already. */
  batches(source: BatchSource, options: BatchOptions): AsyncIterable<Batch> {
    return source.batches(this.frozen.remembers ? { ...options, recall: this.frozen.recall } : options);
  }

  /**
   * Steps one after the other: each an update, or where the plan accumulates one more part of it, and `update` makes it. In one run where
   * the stage was compiled for several; their batches are then of a size.
   */
  train(steps: readonly TrainingStep[]): Promise<StepResult<O>[]> {
    return withinMemory('a training step', steps[0].batch.indices.length, () => this.trainAll(steps));
  }

  private async trainAll(steps: readonly TrainingStep[]): Promise<StepResult<O>[]> {
    const session = await this.sessions.step.get();
    const results: StepResult<O>[] = [];
    if (!this.several) {
      for (const step of steps) {
        const outcome = await this.current.run(session, await this.feedsOf(step), ['loss', this.output]);
        results.push(this.result(outcome, step.batch));
      }
      return results;
    }
    const feeds: Record<string, Tensor>[] = [];
    for (const step of steps) feeds.push(await this.feedsOf(step));
    const outcomes = await this.current.run(session, stacked(feeds), ['loss', this.output]);
    return steps.map(({ batch }, i) => this.result(unstacked(outcomes, i), batch));
  }

  /** The update by the mean gradient of the samples since the last one, where the plan accumulates. */
  async update(at: Omit<TrainingStep, 'batch'>): Promise<void> {
    const { update } = this.sessions;
    if (update) await this.current.run(await update.get(), this.position(at), []);
  }

  /** Every sample's prediction, and the mean loss; by the averaged weights where there are any. */
  evaluate(source: BatchSource, batchSize: number): Promise<StepResult<O>> {
    return withinMemory('the evaluation', batchSize, () => this.evaluateAll(source, batchSize));
  }

  private async evaluateAll(source: BatchSource, batchSize: number): Promise<StepResult<O>> {
    let scores = NO_SCORES;
    const all: O[] = [];
    const evaluation = await this.sessions.evaluation.get();
    const parameters = this.current.feedsOf(evaluation.inputNames, this.averaging && averageOf);
    for await (const batch of this.batches(source, { epoch: 0, batchSize })) {
      const feeds = {
        ...(await this.frozen.values(batch, this.boundary.evaluation)),
        ...parameters,
        labels: this.task.labels(batch, this.labels.evaluation),
      };
      const { loss, predictions } = this.result(await evaluation.run(feeds, ['loss', this.output]), batch);
      scores = addBatch(scores, this.task, loss, predictions);
      all.push(...predictions);
    }
    return { loss: scores.lossSum / scores.count, predictions: all };
  }

  /** A copy of the state as it is now. */
  state(): Promise<StageState> {
    return this.current.read();
  }

  async release(): Promise<void> {
    this.current.release();
    await Promise.all([this.frozen, ...Object.values(this.sessions)].map((part) => part?.release()));
  }

  /** @param step number of the update over the whole run, from 1 */
  private position({ lr, step, momentum }: Omit<TrainingStep, 'batch'>): Record<string, Tensor> {
    const scalar = (value: number) => tensor('float32', [], Float32Array.of(value));
    return {
      lr: scalar(lr),
      step: tensor('int64', [], BigInt64Array.of(BigInt(step))),
      ...(momentum !== undefined && this.takesMomentum && { momentum: scalar(momentum) }),
      ...(this.averaging && { [AVERAGE_WEIGHT]: scalar(1 - decayAt(this.averaging, step)) }),
    };
  }

  private async feedsOf(at: TrainingStep): Promise<Record<string, Tensor>> {
    const { batch, step, part = 0 } = at;
    return {
      ...(await this.frozen.values(batch, this.boundary.training, this.lasting)),
      labels: this.task.labels(batch, this.labels.training),
      ...(this.sessions.update ? {} : this.position(at)),
      ...this.drawNoise(part ? [step, part] : [step], batch),
    };
  }

  private drawNoise(position: readonly number[], { labels, sizes }: Batch): Record<string, Tensor> {
    return Object.fromEntries(
      this.noise.map(({ name, shape }) => {
        const random = new Random(this.seed, 'noise', name, ...position);
        const dims = shape.map((d) => sizeOf(d, { ...sizes, batch: labels.length }));
        const drawn = Float32Array.from({ length: elementCount(dims) }, () => random.uniform());
        return [name, tensor('float32', dims, drawn)];
      }),
    );
  }

  private result({ loss, [this.output]: output }: Record<string, Tensor>, batch: Batch): StepResult<O> {
    return {
      loss: (loss.data as Float32Array)[0],
      predictions: this.task.outcomes(output.data as Float32Array, batch, 'training'),
    };
  }
}

/** The standard order outside of the sessions, blocks within. */
function layoutOf(blocks: ReadonlyMap<string, Stored>): Layout {
  const by = (move: (tensor: Tensor, as: Stored) => Tensor) => (name: string, tensor: Tensor) => {
    const as = blocks.get(name);
    return as ? move(tensor, as) : copyTensor(tensor);
  };
  return { into: by(toStored), from: by(fromStored) };
}

/** State that may be written in its place by all of the models that move it on. */
function replaceableIn({ step, update, inPlace }: StepModels): Set<string> {
  const sets = [step, ...(update ? [update] : [])].map((model) => ({
    names: new Set([...replaceable(model.graph), ...(model === step ? inPlace : [])]),
    written: new Set(model.graph.outputs.map((o) => o.name)),
  }));
  const all = sets.flatMap(({ names }) => [...names]);
  return new Set(
    all.filter((name) => sets.every(({ names, written }) => names.has(name) || !written.has(nextOf(name)))),
  );
}

function initialState(
  network: Inference,
  plan: TrainingPlan,
  inputs: readonly string[],
  carried: StageState,
): StageState {
  const state = new Map<string, Tensor>();
  const { initializers } = network.model.graph;
  const zeros = (key: string, shape: readonly number[]) => {
    const kept = carried.get(key);
    if (kept) checkTensor(key, kept, { type: 'float32', shape });
    state.set(key, kept ?? tensor('float32', shape, new Float32Array(elementCount(shape))));
  };
  for (const name of inputs) {
    const initial = initializers.get(name);
    if (initial) state.set(name, carried.get(name) ?? initial);
  }
  const moving = [...state];
  for (const name of plan.trainable) {
    const { shape } = initializers.get(name)!;
    for (const [slot, slotShape] of Object.entries(slotsOf(plan, shape))) zeros(`${name}.${slot}`, slotShape);
    if (plan.accumulate) zeros(sumOf(name), shape);
  }
  if (plan.accumulate) zeros(SAMPLES, []);
  if (plan.average)
    for (const [name, value] of moving) state.set(averageOf(name), carried.get(averageOf(name)) ?? value);
  return state;
}
