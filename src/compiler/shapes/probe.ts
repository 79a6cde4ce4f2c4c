import {
  arrayFrom,
  byteLengthOf,
  type DataType,
  elementCount,
  type Model,
  makeNode,
  type Tensor,
  writeModel,
} from '../../onnx/index.ts';
import { type Feeds, type Runtime, runUserModel, type Session } from '../../runtime/index.ts';
import { blanksOf, mayBeBlank } from './blank.ts';
import { dataIndependent } from './constants.ts';

/** Weights with at least this many elements become inputs, so that encoding and loading the model costs next to nothing. */
const FED = 1024;
const FEEDABLE = new Set<DataType>(['float32', 'float64', 'int8', 'uint8', 'int32', 'int64']);
/** Larger constants are not needed at compile time. */
const LARGEST_CONSTANT = 1 << 20;

export interface Observation {
  readonly shapes: ReadonlyMap<string, readonly number[]>;
  /** Contents of the small values that do not depend on data. */
  readonly contents: ReadonlyMap<string, Tensor>;
}

/** A model whose values can all be read: their types, and their shapes for given inputs. */
export class Probe {
  private constructor(
    readonly types: ReadonlyMap<string, DataType>,
    private readonly session: Session,
    private readonly weights: Feeds,
    private readonly shapeOutputs: ReadonlyMap<string, string>,
    private readonly independent: readonly string[],
  ) {}

  static async open(model: Model, runtime: Runtime): Promise<Probe> {
    const { light, weights } = withoutWeights(model);
    const names = light.graph.nodes.flatMap(({ outputs }) => outputs.filter((name) => name !== ''));
    const types = await valueTypes(light, names, runtime);
    const typed = names.filter((name) => types.has(name));
    // The graph computes the shapes, so activations are freed as in any run and only a few integers are returned.
    const shapeOutputs = new Map(typed.map((name) => [name, `${name}/thaw_shape`]));
    const clean = dataIndependent(model.graph);
    const independent = typed.filter((name) => clean.has(name));
    // ONNX Runtime starts from the last node without readers and works backwards. Each shape is computed right after its value only if the
    // first value's shape comes last; otherwise all values would be kept until the network's end.
    const shapeNodes = [...shapeOutputs]
      .reverse()
      .map(([name, output]) => makeNode('Shape', [name], [output], {}, { name: output }));
    const session = await load(
      {
        ...light,
        opsets: { '': 17, ...light.opsets },
        graph: {
          ...light.graph,
          nodes: [...light.graph.nodes, ...shapeNodes],
          outputs: [...shapeOutputs.values(), ...independent].map((name) => ({ name })),
        },
      },
      runtime,
    );
    return new Probe(types, session, fedWith(light, weights, types), shapeOutputs, independent);
  }

  async observe(inputs: Feeds): Promise<Observation> {
    const results = await run(this.session, this.weights, inputs);
    const shapes = [...this.shapeOutputs].map(
      ([name, output]) => [name, Array.from(results[output].data as BigInt64Array, Number)] as const,
    );
    const contents = this.independent.flatMap((name) => {
      const { data } = results[name];
      const small = !ArrayBuffer.isView(data) || data.byteLength <= LARGEST_CONSTANT;
      return small ? [[name, results[name]] as const] : [];
    });
    return { shapes: new Map(shapes), contents: new Map(contents) };
  }

  close(): Promise<void> {
    return this.session.release();
  }
}

/** The model with its large initializers as inputs, which are fed without a copy. Declared shapes are removed. */
export function withoutWeights(model: Model): { light: Model; weights: Record<string, Tensor> } {
  const { graph } = model;
  const isFed = (t: Tensor) => FEEDABLE.has(t.type) && byteLengthOf(t) >= FED;
  const weights = Object.fromEntries([...graph.initializers].filter(([, tensor]) => isFed(tensor)));
  const inputs = graph.inputs.filter(({ name }) => !Object.hasOwn(weights, name));
  const fed = Object.entries(weights).map(([name, { type, shape }]) => ({ name, type, shape }));
  const light: Model = {
    ...model,
    graph: {
      ...graph,
      inputs: [...inputs, ...fed],
      initializers: new Map([...graph.initializers].filter(([name]) => !Object.hasOwn(weights, name))),
      valueInfo: [],
    },
  };
  return { light, weights };
}

/** The weights, or zeros for float32 weights if shapes do not depend on them: then large models are neither read nor kept. */
function fedWith(light: Model, weights: Readonly<Record<string, Tensor>>, types: ReadonlyMap<string, DataType>): Feeds {
  const floats = Object.fromEntries(Object.entries(weights).filter(([, { type }]) => type === 'float32'));
  return mayBeBlank(light.graph, new Set(Object.keys(floats)), types) ? { ...weights, ...blanksOf(floats) } : weights;
}

async function valueTypes(model: Model, names: readonly string[], runtime: Runtime): Promise<Map<string, DataType>> {
  const session = await load(
    { ...model, graph: { ...model.graph, outputs: names.map((name) => ({ name })) } },
    runtime,
  );
  await session.release();
  return new Map(Object.entries(session.outputTypes));
}

/** A session for a run or two. Threads that spin while they wait would slow this process down. */
export const load = (model: Model, runtime: Runtime): Promise<Session> =>
  runtime.load(writeModel(model), { optimization: 'none', spinning: false });

/** @throws ThawError `bad-model` with ONNX Runtime's message, which names the node */
export const run = (session: Session, weights: Feeds, inputs: Feeds): Promise<Record<string, Tensor>> =>
  runUserModel(
    session,
    { ...weights, ...inputs },
    { inputs, hint: 'Give the sizes that it takes with --input name:shape' },
  );

/** Contents of an input for probing: a slow ramp for floats, so that samples differ; zeros for indices, ones for masks. */
export function sampleInput(name: string, type: DataType, shape: readonly number[]): Tensor {
  const count = elementCount(shape);
  if (type === 'string') return { type, shape, data: Array<string>(count).fill('') };
  if (type === 'float16' || type === 'bfloat16') return { type, shape, data: new Uint16Array(count) };
  const values = type === 'float32' ? new Float32Array(count) : new Float64Array(count);
  if (type.startsWith('float')) for (let i = 0; i < count; i++) values[i] = ((i * 7919) % 1021) / 510 - 1;
  else values.fill(/mask/i.test(name) ? 1 : 0);
  return { type, shape, data: type === 'float32' ? values : arrayFrom(type, values) };
}
