import type { Inference } from '../../compiler/shapes/index.ts';
import {
  dependsOnData,
  frozenBoundary,
  frozenModel,
  prefixModel,
  sizesModel,
  type TrainingPlan,
} from '../../compiler/step/index.ts';
import type { Batch, BatchOptions, BatchSource, Recalled, RowSizes } from '../../data/index.ts';
import { symbolsOf, type Tensor, type Value } from '../../onnx/index.ts';
import { loadable, type Runtime } from '../../runtime/index.ts';
import { LazySession } from '../lazy-session.ts';
import type { FeatureCache } from './cache.ts';
import { isBySample } from './rows.ts';
import { NO_SPINNING, pick, Segment, SizeDependentValues, type SizedSegment } from './segment.ts';

/** Part of the cache's memory for features that several stages share. The rest is for those of the current stage alone. */
const TRUNK_SHARE = 0.75;

/** The form of a row that is the sample itself. */
const DATA = 'data';

export interface FrozenPartOptions {
  readonly network: Inference;
  readonly plan: TrainingPlan;
  /** Values that the rest of the stage takes. */
  readonly boundary: readonly Value[];
  readonly runtime: Runtime;
  readonly cache: FeatureCache;
  /** The plan of the part that stays frozen in later stages too, if they thaw more. */
  readonly shared?: TrainingPlan;
}

interface FrozenParts {
  readonly cache: FeatureCache;
  readonly inputs: readonly Value[];
  /** From the data to the trunk's values, and from there to the boundary. None if the features are not each sample's own. */
  readonly segments?: { readonly trunk: Segment; readonly rest?: Segment };
  /** Boundary values that follow from the number and the sizes of samples alone. */
  readonly sizeDependent?: SizeDependentValues;
  /** Takes whole batches if there are no segments. */
  readonly whole?: LazySession;
}

/**
 * Runs the frozen part of a stage and caches its results, the features of a sample. If later stages thaw more, it runs in two segments: the
 * trunk, which stays frozen in these stages too, and the rest up to the first layer that trains. So the data of a sample is needed once,
 * and the next stage continues from the trunk.
 */
export class FrozenPart {
  private constructor(private readonly parts: FrozenParts) {}

  /** Nothing is loaded before it is needed. */
  static async compile(options: FrozenPartOptions): Promise<FrozenPart> {
    const { network, plan, boundary, runtime, cache } = options;
    const inputs = inputsOf(network);
    const models = modelsOf(options);
    if (!models) {
      const prefix = prefixModel(network, plan, boundary);
      const whole = prefix && new LazySession(runtime, loadable(prefix), NO_SPINNING);
      return new FrozenPart({ cache, inputs, whole });
    }
    const { values, rest } = models;
    const sizeDependent = models.fixed && new SizeDependentValues(runtime, models.fixed, inputs);
    const share = rest ? TRUNK_SHARE : 1;
    const trunk = await Segment.open({ runtime, model: models.trunk, from: inputs, to: values, sizeDependent, share });
    if (!rest) return new FrozenPart({ cache, inputs, segments: { trunk }, sizeDependent });
    const ends = { from: values, to: rest.values, after: trunk };
    const second = await Segment.open({ runtime, model: rest.model, ...ends, sizeDependent, share: 1 });
    return new FrozenPart({ cache, inputs, segments: { trunk, rest: second }, sizeDependent });
  }

  /** Whether it caches features. */
  get caches(): boolean {
    return this.parts.segments !== undefined;
  }

  /** The models whose results it keeps in the cache. */
  get models(): readonly string[] {
    const { trunk, rest } = this.parts.segments ?? {};
    return [trunk, rest].flatMap((segment) => (segment ? [segment.model] : []));
  }

  /** The batches of a source, without the data of samples whose features are cached. */
  batches(source: BatchSource, options: BatchOptions): AsyncIterable<Batch> {
    return source.batches(this.caches ? { ...options, recall: this.recall } : options);
  }

  /** The cached features of a sample: those of the last segment that has some. */
  private readonly recall = async (key: string, sizes: RowSizes = {}): Promise<Recalled | undefined> => {
    const { trunk, rest } = this.parts.segments ?? {};
    for (const segment of [rest, trunk]) {
      const bytes = segment && (await this.parts.cache.get(segment.forSizes(sizes).space, key));
      if (bytes) return { form: segment.model, bytes };
    }
    return undefined;
  };

  /**
   * The named values of the boundary for a batch. Some of its samples may be recalled from the cache.
   *
   * @param cacheTrunk whether the features of the trunk are worth caching: if later stages show these very samples
   */
  async values(batch: Batch, names: readonly string[], cacheTrunk = true): Promise<Record<string, Tensor>> {
    const { inputs, segments, sizeDependent } = this.parts;
    const data = Object.fromEntries(inputs.map(({ name }, i) => [name, batch.inputs[i]]));
    if (!segments) return this.ofWholeBatch(data, names);
    const { keys, recalled, sizes = {} } = batch;
    const trunk = segments.trunk.forSizes(sizes);
    const rest = segments.rest?.forSizes(sizes);
    const drawn = trunk.from.view(data);
    let at = 0;
    const rows = batch.indices.map((_, i): Recalled => recalled?.[i] ?? { form: DATA, bytes: drawn[at++] });
    await this.advance(trunk, rows, DATA, cacheTrunk || !rest ? keys : undefined);
    if (rest) await this.advance(rest, rows, trunk.space.model, keys);
    const stacked = (rest ?? trunk).to.stack(rows.map(({ bytes }) => bytes));
    return pick({ ...stacked, ...(await sizeDependent?.of(rows.length, sizes)) }, names);
  }

  async release(): Promise<void> {
    const { trunk, rest } = this.parts.segments ?? {};
    const { sizeDependent, whole } = this.parts;
    await Promise.all([trunk, rest, sizeDependent, whole].map((part) => part?.release()));
  }

  private async ofWholeBatch(data: Record<string, Tensor>, names: readonly string[]) {
    const computed = names.filter((name) => !Object.hasOwn(data, name));
    if (!computed.length) return pick(data, names);
    const session = await this.parts.whole!.get();
    const values = await session.run(pick(data, session.inputNames), computed);
    return pick({ ...data, ...values }, names);
  }

  /** Replaces the rows of the form that a segment takes by its results, and caches these. */
  private async advance(segment: SizedSegment, rows: Recalled[], form: string, keys: Batch['keys']): Promise<void> {
    const waiting = [...rows.keys()].filter((i) => rows[i].form === form);
    if (!waiting.length) return;
    const made = await segment.compute(waiting.map((i) => rows[i].bytes));
    const { space } = segment;
    for (const [at, i] of waiting.entries()) {
      rows[i] = { form: space.model, bytes: made[at] };
      const key = keys?.[i];
      if (key !== undefined) await this.parts.cache.set(space, key, made[at]);
    }
  }
}

/** The frozen part in models; undefined if its results are not each sample's own. */
function modelsOf({ network, plan, boundary, shared }: FrozenPartOptions) {
  const inputs = inputsOf(network);
  const end = sortValues(network, boundary);
  const model = end && frozenModel(network, plan, inputs, end.bySample);
  if (!end || !model) return undefined;
  const split = shared && splitAt(network, plan, shared, end.bySample);
  const fixed = new Map([...end.fixed, ...(split?.fixed ?? [])].map((value) => [value.name, value]));
  return {
    ...(split ?? { values: end.bySample, trunk: model, rest: undefined }),
    fixed: fixed.size ? sizesModel(network, plan, [...fixed.values()]) : undefined,
  };
}

/** The frozen part in two, cut at the end of the part that `shared` keeps frozen as well; undefined if it can't be cut there. */
function splitAt(network: Inference, plan: TrainingPlan, shared: TrainingPlan, wanted: readonly Value[]) {
  const middle = sortValues(network, frozenBoundary(network, shared));
  const trunk = middle && frozenModel(network, shared, inputsOf(network), middle.bySample);
  if (!middle || !trunk) return undefined;
  const values = middle.bySample;
  const known = wanted.filter(({ name }) => values.some((value) => value.name === name));
  if (known.length === wanted.length) return { values, trunk, rest: undefined, fixed: [] };
  const model = known.length ? undefined : frozenModel(network, plan, [...values, ...middle.fixed], wanted);
  return model && { values, trunk, rest: { model, values: wanted }, fixed: middle.fixed };
}

/** Values that are each sample's own, and those that follow from the number and the sizes of samples; undefined if there are others. */
function sortValues(network: Inference, boundary: readonly Value[]) {
  const inputs = inputsOf(network);
  const [batch] = inputs[0].shape;
  const sizes = inputs.flatMap(({ shape }) => shape.slice(1).flatMap(symbolsOf)).filter((name) => name !== batch);
  const isOwn = (value: Value) => typeof batch === 'string' && isBySample(value, batch, sizes);
  if (!inputs.every(isOwn) || inputs.some(({ name }) => boundary.some((value) => value.name === name)))
    return undefined;
  const bySample = boundary.filter(isOwn);
  const fixed = boundary.filter((value) => !bySample.includes(value));
  if (!bySample.length || fixed.some(({ name }) => dependsOnData(network, name))) return undefined;
  return { bySample, fixed };
}

/** The inputs that take data. */
const inputsOf = ({ model, values }: Inference): Value[] =>
  model.graph.inputs.map(({ name }) => ({ name, ...values.get(name)! }));
