import {
  dependsOnData,
  frozenBoundary,
  frozenModel,
  type StepModels,
  type TrainingPlan,
} from '../../artifacts/index.ts';
import type { Batch, Recalled } from '../../data/index.ts';
import { bytesOf, type Tensor, tensor, type Value, writeModel } from '../../onnx/index.ts';
import type { Runtime } from '../../runtime/index.ts';
import type { Inference } from '../../shapes/index.ts';
import type { FeatureCache, FeatureSpace } from './cache.ts';
import { LazySession } from './lazy-session.ts';
import { isByPicture } from './rows.ts';
import { pick, SizeValues, Stretch } from './stretch.ts';

/** Part of the cache's memory for what several stages share: the other is for what the stage under way makes of it. */
const TRUNK_SHARE = 0.75;

/** The form of a row that is the picture itself. */
const PIXELS = 'pixels';

/**
 * The frozen part of a stage at work. Where later stages thaw more it runs in two stretches: the trunk, which stays frozen in them
 * too, and from there to where this stage's training begins. What either makes of a picture is remembered: the pixels are needed
 * once, and the next stage goes on from the trunk.
 */
export class FrozenPart {
  private constructor(
    private readonly cache: FeatureCache,
    private readonly input: Value,
    /** Pixels to `trunk`'s values, and from there to the boundary where that is elsewhere; none where pictures can't be told apart. */
    private readonly stretches: { readonly trunk: Stretch; readonly rest?: Stretch } | undefined,
    /** Boundary values that follow from the number of pictures alone. */
    private readonly sizes: SizeValues | undefined,
    /** Takes whole batches, where there are no stretches. */
    private readonly whole: LazySession | undefined,
  ) {}

  /**
   * Nothing is loaded before it is needed.
   *
   * @param shared plan of what stays frozen in later stages too, where they thaw more
   */
  static async compile(
    network: Inference,
    plan: TrainingPlan,
    models: StepModels,
    runtime: Runtime,
    cache: FeatureCache,
    shared?: TrainingPlan,
  ): Promise<FrozenPart> {
    const input = inputOf(network);
    const parts = partsOf(network, plan, models.boundary.training, shared);
    if (!parts) {
      const { prefix } = models;
      const whole = prefix && new LazySession(runtime, writeModel(prefix));
      return new FrozenPart(cache, input, undefined, undefined, whole);
    }
    const { values, rest } = parts;
    const sizes = parts.fixed && new SizeValues(runtime, parts.fixed, input);
    const ends = { from: [input], to: values };
    const trunk = await Stretch.open(runtime, parts.trunk, ends, sizes, rest ? TRUNK_SHARE : 1);
    if (!rest) return new FrozenPart(cache, input, { trunk }, sizes, undefined);
    const second = await Stretch.open(runtime, rest.model, { from: values, to: rest.values }, sizes, 1, trunk);
    return new FrozenPart(cache, input, { trunk, rest: second }, sizes, undefined);
  }

  /** Whether what it makes of a picture is remembered. */
  get remembers(): boolean {
    return this.stretches !== undefined;
  }

  /** The parts of the cache that it uses. */
  get spaces(): readonly FeatureSpace[] {
    const { trunk, rest } = this.stretches ?? {};
    return [trunk, rest].flatMap((stretch) => (stretch ? [stretch.space] : []));
  }

  /** What is known of a picture, as far along as it is known. */
  readonly recall = async (key: string): Promise<Recalled | undefined> => {
    const { trunk, rest } = this.stretches ?? {};
    for (const stretch of [rest, trunk]) {
      const bytes = stretch && (await this.cache.get(stretch.space, key));
      if (bytes) return { form: stretch.space.model, bytes };
    }
    return undefined;
  };

  /**
   * The named values of the boundary for a batch, some of whose pictures may have been recalled.
   *
   * @param lasting whether later stages show these very pictures, and are to find them at the end of the trunk
   */
  async values(batch: Batch, names: readonly string[], lasting = true): Promise<Record<string, Tensor>> {
    const pixels = { [this.input.name]: tensor('float32', batch.shape, batch.images) };
    if (!this.stretches) return this.ofWholeBatch(pixels, names);
    const { trunk, rest } = this.stretches;
    const { keys, recalled } = batch;
    const drawn = bytesOf(pixels[this.input.name]);
    let at = 0;
    const rows = batch.indices.map((_, i): Recalled => {
      const known = recalled?.[i];
      if (!known) at += trunk.from.bytes;
      return known ?? { form: PIXELS, bytes: drawn.subarray(at - trunk.from.bytes, at) };
    });
    await this.advance(trunk, rows, PIXELS, lasting || !rest ? keys : undefined);
    if (rest) await this.advance(rest, rows, trunk.space.model, keys);
    const stacked = (rest ?? trunk).to.stack(rows.map(({ bytes }) => bytes));
    return pick({ ...stacked, ...(await this.sizes?.at(rows.length)) }, names);
  }

  async release(): Promise<void> {
    const { trunk, rest } = this.stretches ?? {};
    await Promise.all([trunk, rest, this.sizes, this.whole].map((part) => part?.release()));
  }

  private async ofWholeBatch(pixels: Record<string, Tensor>, names: readonly string[]) {
    const computed = names.filter((name) => name !== this.input.name);
    const values = computed.length ? await (await this.whole!.get()).run(pixels, computed) : {};
    return pick({ ...pixels, ...values }, names);
  }

  /** Replaces the rows that are in the form that a stretch takes by what it makes of them, and remembers that. */
  private async advance(stretch: Stretch, rows: Recalled[], form: string, keys: Batch['keys']): Promise<void> {
    const waiting = [...rows.keys()].filter((i) => rows[i].form === form);
    if (!waiting.length) return;
    const made = await stretch.compute(waiting.map((i) => rows[i].bytes));
    const { space } = stretch;
    for (const [at, i] of waiting.entries()) {
      rows[i] = { form: space.model, bytes: made[at] };
      const key = keys?.[i];
      if (key !== undefined) await this.cache.set(space, key, made[at]);
    }
  }
}

/** The stage's frozen part in models; undefined where what it hands on is not each picture's own. */
function partsOf(network: Inference, plan: TrainingPlan, boundary: readonly Value[], shared?: TrainingPlan) {
  const input = inputOf(network);
  const end = sortValues(network, boundary);
  const model = end && frozenModel(network, plan, [input], end.byPicture);
  if (!end || !model) return undefined;
  const split = shared && splitAt(network, plan, shared, end.byPicture);
  const fixed = new Map([...end.fixed, ...(split?.fixed ?? [])].map((value) => [value.name, value]));
  return {
    ...(split ?? { values: end.byPicture, trunk: model, rest: undefined }),
    fixed: fixed.size ? frozenModel(network, plan, [input], [...fixed.values()]) : undefined,
  };
}

/** The frozen part in two, at the end of what `shared` keeps frozen as well; undefined where it can't be had so. */
function splitAt(network: Inference, plan: TrainingPlan, shared: TrainingPlan, wanted: readonly Value[]) {
  const middle = sortValues(network, frozenBoundary(network, shared));
  const trunk = middle && frozenModel(network, shared, [inputOf(network)], middle.byPicture);
  if (!middle || !trunk) return undefined;
  const values = middle.byPicture;
  const known = wanted.filter(({ name }) => values.some((value) => value.name === name));
  if (known.length === wanted.length) return { values, trunk, rest: undefined, fixed: [] };
  const model = known.length ? undefined : frozenModel(network, plan, [...values, ...middle.fixed], wanted);
  return model && { values, trunk, rest: { model, values: wanted }, fixed: middle.fixed };
}

/** Values that are each picture's own, and those that follow from the number of pictures; undefined where there are others. */
function sortValues(network: Inference, boundary: readonly Value[]) {
  const input = inputOf(network);
  const [batch] = input.shape;
  if (typeof batch !== 'string' || !isByPicture(input, batch)) return undefined;
  if (boundary.some(({ name }) => name === input.name)) return undefined;
  const byPicture = boundary.filter((value) => isByPicture(value, batch));
  const fixed = boundary.filter((value) => !byPicture.includes(value));
  if (!byPicture.length || fixed.some(({ name }) => dependsOnData(network, name))) return undefined;
  return { byPicture, fixed };
}

/** The input that takes pictures. */
function inputOf({ model, values }: Inference): Value {
  const [{ name }] = model.graph.inputs;
  return { name, ...values.get(name)! };
}
