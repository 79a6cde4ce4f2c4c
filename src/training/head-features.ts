import type { Batch, BatchSource } from '../data/index.ts';
import type { Tensor } from '../onnx/index.ts';
import { type EvaluatorOptions, remainingPlans } from './evaluator.ts';
import { FeatureCache, FrozenPart } from './features/index.ts';
import { withState } from './network-state.ts';
import { sharedPlan } from './plan.ts';

/** The features that the head reads, with the weights of a checkpoint. They continue from the cached values of the frozen layers. */
export class HeadFeatures {
  private constructor(
    private readonly frozen: FrozenPart,
    private readonly name: string,
  ) {}

  static async open({
    network,
    anatomy,
    config,
    runtime,
    features: cache = new FeatureCache({ maximumBytes: 0 }),
    checkpoint,
  }: Omit<EvaluatorOptions<never>, 'task'>): Promise<HeadFeatures> {
    const { input: name } = anatomy.head;
    const plans = remainingPlans({ config, anatomy, checkpoint });
    const trained = withState(network, checkpoint.state);
    const frozen = await FrozenPart.compile({
      ...{ network: trained, runtime, cache },
      boundary: [{ name, ...network.values.get(name)! }],
      // No layer trains any more.
      plan: { ...plans[0], trainable: new Set(), batchNorm: 'frozen' },
      shared: sharedPlan(network, plans) ?? plans[0],
    });
    return new HeadFeatures(frozen, name);
  }

  /** The batches of a source, each with its features. */
  async *batches(source: BatchSource, batchSize: number): AsyncGenerator<{ batch: Batch; values: Tensor }> {
    for await (const batch of this.frozen.batches(source, { epoch: 0, batchSize })) {
      // They are needed once. Without keys, the cache does not keep them.
      const { [this.name]: values } = await this.frozen.values({ ...batch, keys: undefined }, [this.name]);
      yield { batch, values };
    }
  }

  release(): Promise<void> {
    return this.frozen.release();
  }
}
