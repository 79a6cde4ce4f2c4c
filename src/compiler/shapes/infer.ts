import { ThawError } from '../../errors.ts';
import { bytesOf, type Dimension, type Model, type Shape, type Tensor, type Typed } from '../../onnx/index.ts';
import type { Feeds, Runtime } from '../../runtime/session.ts';
import { freeBatch } from './batch.ts';
import { dimensionFrom, planCheck, planRuns, type Sizes } from './dimensions.ts';
import type { Inference } from './inference.ts';
import { type DataInput, dataInputs } from './inputs.ts';
import { type Observation, Probe, sampleInput } from './probe.ts';

export interface InferenceOptions {
  /** Shapes of the model's inputs by name, for sizes that the file leaves open: `{ pixel_values: ['batch', 3, 224, 224] }`. */
  readonly inputs?: Readonly<Record<string, readonly Dimension[]>>;
}

/**
 * The type and shape of every value of a model, found by running it on tiny inputs with two sizes for each symbolic dimension. The
 * first dimension of the first input is called `batch`; if the file fixes it, it is freed (`freeBatch`).
 *
 * @throws ThawError `bad-model` if the model does not run, or an input has unknown sizes
 */
export async function inferShapes(model: Model, runtime: Runtime, options: InferenceOptions = {}): Promise<Inference> {
  const given = dataInputs(model, options.inputs);
  const { model: freed, inputs } = given.fixedBatch
    ? await freeBatch(model, given.inputs, runtime)
    : { model, inputs: given.inputs };
  const probe = await Probe.open(freed, runtime);
  try {
    const symbols = [...new Set(inputs.flatMap(({ shape }) => shape.filter((d) => typeof d === 'string')))];
    return conclude(freed, inputs, probe, await observeAll(probe, inputs, symbols));
  } finally {
    await probe.close();
  }
}

interface Observations {
  readonly runs: readonly Sizes[];
  readonly seen: readonly Observation[];
}

async function observeAll(
  probe: Probe,
  inputs: readonly DataInput[],
  symbols: readonly string[],
): Promise<Observations> {
  const attempt = async (batch: readonly [number, number]): Promise<Observations> => {
    const runs = planRuns(symbols, batch);
    const seen: Observation[] = [];
    for (const sizes of runs) seen.push(await probe.observe(feedsOf(inputs, sizes)));
    const check = planCheck(symbols, batch);
    const checked = check && (await probe.observe(feedsOf(inputs, check)).catch(refusedSizes));
    return checked ? { runs: [...runs, check], seen: [...seen, checked] } : { runs, seen };
  };
  const small = await attempt([1, 2]);
  // A graph may treat one sample differently and squeeze its dimension away; then sizes two and three are used.
  return ranksAgree(small.seen) ? small : attempt([2, 3]);
}

/** A model may accept certain sizes only, such as up to its number of positions. */
function refusedSizes(error: unknown): undefined {
  if (!(error instanceof ThawError)) throw error;
}

const ranksAgree = ([first, ...others]: readonly Observation[]): boolean =>
  others.every(({ shapes }) => [...shapes].every(([name, shape]) => shape.length === first.shapes.get(name)?.length));

export function feedsOf(inputs: readonly DataInput[], sizes: Sizes): Feeds {
  return Object.fromEntries(
    inputs.map(({ name, type, shape }) => [
      name,
      sampleInput(
        name,
        type,
        shape.map((d) => (typeof d === 'string' ? sizes[d] : d)),
      ),
    ]),
  );
}

function conclude(model: Model, inputs: readonly DataInput[], probe: Probe, { runs, seen }: Observations): Inference {
  const values = new Map<string, Typed>();
  for (const { name, type, shape } of inputs) values.set(name, { type, shape });
  for (const [name, { type, shape }] of model.graph.initializers) values.set(name, { type, shape });
  const [first, ...others] = seen;
  // Sizes that agree in all runs get the same name, even if they are not a product.
  const opaque = new Map<string, string>();
  const nameOf = (sizes: readonly number[], name: string): string => {
    const key = sizes.join();
    if (!opaque.has(key)) opaque.set(key, name.replaceAll('*', '_'));
    return opaque.get(key)!;
  };
  for (const [name, shape] of first.shapes) {
    const all = seen.map(({ shapes }) => shapes.get(name)!);
    if (all.some(({ length }) => length !== shape.length)) {
      throw new ThawError(
        'bad-model',
        `the value "${name}" has ${all.map(({ length }) => length).join(' or ')} dimensions, depending on the input's size`,
        'Export the model with fixed ranks',
      );
    }
    const symbolic: Shape = shape.map((_, axis) => {
      const sizes = all.map((s) => s[axis]);
      return dimensionFrom(sizes, runs) ?? nameOf(sizes, `${name}.${axis}`);
    });
    values.set(name, { type: probe.types.get(name)!, shape: symbolic });
  }
  const constants = [...first.contents].filter(([name, content]) =>
    others.every(({ contents }) => sameTensor(content, contents.get(name))),
  );
  return { model, values, constants: new Map(constants) };
}

function sameTensor(a: Tensor, b: Tensor | undefined): boolean {
  if (!b || a.shape.length !== b.shape.length || a.shape.some((d, i) => d !== b.shape[i])) return false;
  if (a.type === 'string') return (a.data as readonly string[]).every((s, i) => s === (b.data as readonly string[])[i]);
  const [x, y] = [bytesOf(a), bytesOf(b)];
  return x.length === y.length && x.every((byte, i) => byte === y[i]);
}
