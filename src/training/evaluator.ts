import type { Inference } from '../compiler/shapes/index.ts';
import { averageOf, evaluationStep, type TrainingPlan } from '../compiler/step/index.ts';
import type { Batch, BatchSource } from '../data/index.ts';
import type { Tensor, Value } from '../onnx/index.ts';
import { type Feeds, type Layout, loadable, machineOf, type Runtime } from '../runtime/index.ts';
import type { Task, TaskOutcome } from '../tasks/index.ts';
import type { Checkpoint } from './checkpoint.ts';
import type { TrainingConfig } from './config.ts';
import { FeatureCache, FrozenPart } from './features/index.ts';
import { LazySession } from './lazy-session.ts';
import { withinMemory } from './memory.ts';
import { withState } from './network-state.ts';
import { type Anatomy, sharedPlan, trainingPlan } from './plan.ts';
import { stagesOf } from './presets.ts';
import { addBatch, NO_SCORES } from './running.ts';
import { layoutOf } from './stage-state.ts';

/** The predictions for samples, and their mean loss. */
export interface Predictions<O extends TaskOutcome> {
  readonly loss: number;
  readonly predictions: readonly O[];
}

interface EvaluatorParts<O extends TaskOutcome> {
  readonly task: Task<O>;
  /** The output that the loss reads. */
  readonly output: string;
  readonly labels: Value;
  readonly frozen: FrozenPart;
  /** Names of the frozen part's values that the graph takes. */
  readonly boundary: readonly string[];
  readonly session: LazySession;
  /** The current weights among the graph's inputs. */
  readonly weightsOf: (inputs: readonly string[]) => Feeds;
}

export interface EvaluatorOptions<O extends TaskOutcome> {
  /** The model with its new head. */
  readonly network: Inference;
  readonly anatomy: Anatomy;
  readonly task: Task<O>;
  readonly config: TrainingConfig;
  readonly runtime: Runtime;
  /** Features of the frozen part. Nothing is cached without it. */
  readonly features?: FeatureCache;
  /** The weights, and the stage that trained them. */
  readonly checkpoint: Checkpoint;
}

/** The plans of the stage that trained a checkpoint, and of the stages after it. */
export function remainingPlans({
  config,
  anatomy,
  checkpoint: { progress },
}: Pick<EvaluatorOptions<never>, 'config' | 'anatomy' | 'checkpoint'>): TrainingPlan[] {
  const stages = stagesOf(config, anatomy, progress);
  const current = Math.min(progress.stage, stages.length - 1);
  return stages.slice(current).map((stage) => trainingPlan(config, stage, anatomy, anatomy.head.graphOutput));
}

/** Predicts with the evaluation graph of a stage. Nothing else evaluates weights, during training or after it. */
export class Evaluator<O extends TaskOutcome = TaskOutcome> {
  constructor(private readonly parts: EvaluatorParts<O>) {}

  /** An evaluator of a checkpoint, without the graphs that train. It uses the averaged weights if the training averages them. */
  static async open<O extends TaskOutcome>(options: EvaluatorOptions<O>): Promise<Evaluator<O>> {
    const { network, task, config, runtime, checkpoint } = options;
    const cache = options.features ?? new FeatureCache({ maximumBytes: 0 });
    const { state } = checkpoint;
    const plans = remainingPlans(options);
    const [plan] = plans;
    const trained = withState(network, state);
    const { initializers } = trained.model.graph;
    const averages = config.ema ? state : new Map<string, Tensor>();
    const step = evaluationStep(trained, plan, await machineOf(runtime));
    const { boundary } = step;
    const shared = sharedPlan(network, plans);
    const frozen = await FrozenPart.compile({ network: trained, plan, boundary, runtime, cache, shared });
    return new Evaluator({
      ...{ task, output: plan.output, labels: step.labels, frozen },
      boundary: boundary.map(({ name }) => name),
      session: new LazySession(runtime, loadable(step.model)),
      weightsOf: weightsIn(layoutOf(step.stored), (name) => averages.get(averageOf(name)) ?? initializers.get(name)),
    });
  }

  /** @throws ThawError `memory` if there is too little of it for a batch */
  predict(source: BatchSource, batchSize: number): Promise<Predictions<O>> {
    return withinMemory('the evaluation', batchSize, () => this.predictAll(source, batchSize));
  }

  private async predictAll(source: BatchSource, batchSize: number): Promise<Predictions<O>> {
    const { task, output, labels, frozen, boundary, weightsOf } = this.parts;
    let scores = NO_SCORES;
    const all: O[] = [];
    const session = await this.parts.session.get();
    const weights = weightsOf(session.inputNames);
    for await (const batch of frozen.batches(source, { epoch: 0, batchSize })) {
      const feeds = { ...(await frozen.values(batch, boundary)), ...weights, labels: task.labels(batch, labels) };
      const results = await session.run(feeds, ['loss', output]);
      const { loss, predictions } = predictedBy(task, results, output, batch);
      scores = addBatch(scores, task, loss, predictions);
      all.push(...predictions);
    }
    return { loss: scores.lossSum / scores.count, predictions: all };
  }

  async release(): Promise<void> {
    await Promise.all([this.parts.frozen.release(), this.parts.session.release()]);
  }
}

/** The loss and the predictions of a batch, among the results of a graph. */
export const predictedBy = <O extends TaskOutcome>(
  task: Task<O>,
  results: Readonly<Record<string, Tensor>>,
  output: string,
  batch: Batch,
): Predictions<O> => ({
  loss: Number(results.loss.data[0]),
  predictions: task.outcomes(results[output].data as Float32Array, batch, 'training'),
});

/** Weights as a graph takes them. @param weightOf the contents of an input that is a parameter or a statistic */
const weightsIn =
  (layout: Layout, weightOf: (name: string) => Tensor | undefined): EvaluatorParts<TaskOutcome>['weightsOf'] =>
  (inputs) =>
    Object.fromEntries(
      inputs.flatMap((name) => {
        const weight = weightOf(name);
        return weight ? [[name, layout.into(name, weight)]] : [];
      }),
    );
