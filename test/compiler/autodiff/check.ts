import { differentiate } from '../../../src/compiler/autodiff/index.ts';
import { lower } from '../../../src/compiler/kernels/index.ts';
import { dimensionFrom, type Sizes } from '../../../src/compiler/shapes/dimensions.ts';
import {
  arrayFrom,
  type DataType,
  elementCount,
  GraphBuilder,
  isFloat,
  type Node,
  numbersOf,
  type Tensor,
  type Value,
  writeModel,
} from '../../../src/onnx/index.ts';
import { Random } from '../../../src/random.ts';
import { nodeRuntime } from '../../../src/runtime/node/sessions.ts';
import type { Session } from '../../../src/runtime/session.ts';
import { draw, type Input } from './inputs.ts';

/** Nodes to differentiate, and their inputs. */
export interface Forward {
  readonly nodes: readonly Node[];
  readonly inputs: ReadonlyMap<string, Input>;
  /** The values that the loss depends on. */
  readonly outputs: readonly string[];
  /** Nodes that compute the same outputs in another way, and that are differentiated instead; `nodes` by default. */
  readonly differentiated?: readonly Node[];
  /** Types and shapes of values that only `differentiated` computes. */
  readonly declared?: ReadonlyMap<string, Typed>;
  readonly opset?: number;
  /** The precision of the finite differences: double unless ONNX Runtime lacks the kernel, or single on request. */
  readonly precision?: 'single';
  readonly tolerance?: number;
}

export interface Comparison {
  readonly input: string;
  readonly precision: 'double' | 'single';
  /** Largest difference between gradient and finite difference, relative to the largest of both. */
  readonly error: number;
  readonly tolerance: number;
}

const BATCH = 3;
const OPSET = 24;
/** Number of elements that are checked one by one. Larger inputs are sampled. */
const SAMPLES = 40;
/** Number of random directions over the whole tensor. They find an error at any element that was not sampled. */
const DIRECTIONS = 2;

/**
 * Weights of (f(+h), f(−h)), (f(+2h), f(−2h)), …: double precision uses second order, single precision uses fourth
 * order and a large step.
 */
const PRECISIONS = {
  double: { type: 'float64', step: 1e-4, stencil: [1 / 2], tolerance: 1e-4 },
  single: { type: 'float32', step: 0.02, stencil: [8 / 12, -1 / 12], tolerance: 2e-3 },
} as const;

const runtime = nodeRuntime('cpu', { intraOpNumThreads: 1 });

/**
 * Compares the gradients of a random linear function of the outputs with finite differences.
 *
 * @returns one entry per differentiated input
 * @throws if the gradient graph cannot be built or run, or gives a gradient of another shape
 */
export async function compareGradients(forward: Forward, seed: string): Promise<Comparison[]> {
  const random = new Random(1, seed);
  const inputs = new Map([...forward.inputs].map(([name, input]) => [name, draw(input, random, BATCH)]));
  const { shapes: found, sizes } = await symbolicShapes(forward, inputs);
  const shapes = new Map([...found, ...(forward.declared ?? [])]);
  const types = forward.outputs.filter((name) => isFloat(shapes.get(name)!.type));
  const weights = new Map(
    types.map((name) => {
      const shape = sizes.get(name)!;
      return [
        name,
        {
          type: 'float32',
          shape,
          data: Float32Array.from(Array(elementCount(shape)), () => random.between(-1, 1)),
        } as Tensor,
      ];
    }),
  );
  const gradients = await run(await gradientModel(forward, shapes, weights), feeds(forward, inputs, weights));
  const { session, precision } = await forwardSession(forward);
  const { type, step, stencil, tolerance } = PRECISIONS[precision];
  const exact = new Map([...inputs].map(([name, contents]) => [name, retyped(contents, type)]));

  const loss = async () => {
    const results = await session.run(feeds(forward, exact), types);
    return types.reduce((all, name) => all + dot(numbersOf(results[name]), numbersOf(weights.get(name)!)), 0);
  };
  const slope = async (x: Float64Array | Float32Array, direction: ArrayLike<number>) => {
    const start = x.slice();
    const at = async (t: number) => {
      x.forEach((_, i) => {
        x[i] = start[i] + t * direction[i];
      });
      return loss();
    };
    let result = 0;
    for (const [i, weight] of stencil.entries()) {
      const h = step * (i + 1);
      result += (weight * ((await at(h)) - (await at(-h)))) / step;
    }
    x.set(start);
    return result;
  };

  const comparisons: Comparison[] = [];
  for (const [name, input] of forward.inputs) {
    if (!input.differentiated) continue;
    const gradient = gradients.get(name);
    const x = exact.get(name)!.data as Float64Array | Float32Array;
    const analytic = gradient ? numbersOf(gradient) : Array.from(x, () => 0);
    if (gradient && String(gradient.shape) !== String(exact.get(name)!.shape))
      throw new Error(`gradient of ${name} is [${gradient.shape}], not [${exact.get(name)!.shape}]`);
    const directions = [...unitVectors(x.length, random), ...signs(x.length, random)];
    const pairs: [number, number][] = [];
    for (const direction of directions) pairs.push([dot(analytic, direction), await slope(x, direction)]);
    const scale = Math.max(0.01, ...pairs.flat().map(Math.abs));
    const error = Math.max(...pairs.map(([a, n]) => Math.abs(a - n))) / scale;
    comparisons.push({ input: name, precision, error, tolerance: forward.tolerance ?? tolerance });
  }
  await session.release();
  return comparisons;
}

const dot = (a: ArrayLike<number>, b: ArrayLike<number>): number => {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i] * b[i];
  return sum;
};

function unitVectors(length: number, random: Random): number[][] {
  const all = Array.from({ length }, (_, i) => i);
  const chosen = length > SAMPLES ? random.shuffle(all).slice(0, SAMPLES) : all;
  return chosen.map((i) => all.map((k) => (k === i ? 1 : 0)));
}

const signs = (length: number, random: Random): number[][] =>
  Array.from({ length: DIRECTIONS }, () => Array.from({ length }, () => (random.chance(0.5) ? 1 : -1)));

const retyped = (contents: Tensor, type: DataType): Tensor =>
  contents.type === 'float32' ? { ...contents, type, data: arrayFrom(type, numbersOf(contents)) } : contents;

/** The feeds: the inputs that are not initializers, and the weights of the loss if there is a loss. */
const feeds = (
  forward: Forward,
  inputs: ReadonlyMap<string, Tensor>,
  weights: ReadonlyMap<string, Tensor> = new Map(),
) => ({
  ...Object.fromEntries([...inputs].filter(([name]) => !forward.inputs.get(name)!.constant)),
  ...Object.fromEntries([...weights].map(([name, contents]) => [`${name}.weight`, contents])),
});

/**
 * A builder with the nodes. It declares their results with `shapes`, or as scalars while the shapes are still unknown.
 */
function build(
  forward: Forward,
  type: DataType,
  shapes: ReadonlyMap<string, Typed>,
): { b: GraphBuilder; fed: Value[] } {
  const b = new GraphBuilder();
  const fed: Value[] = [];
  const random = new Random(0);
  for (const [name, input] of forward.inputs) {
    if (input.constant) b.initializer(name, retyped(draw(input, random, BATCH), type));
    else fed.push(b.input(name, input.type === 'float32' ? type : input.type, input.shape));
  }
  for (const node of forward.nodes) {
    b.append(node);
    for (const name of node.outputs.filter((output) => output !== ''))
      b.declare({ name, ...(shapes.get(name) ?? { type, shape: [] }) });
  }
  return { b, fed };
}

type Typed = Pick<Value, 'type' | 'shape'>;

function encode(forward: Forward, b: GraphBuilder, inputs: readonly Value[], outputs: readonly string[]): Uint8Array {
  const graph = b.graph('case', inputs, []);
  return writeModel({
    irVersion: 10,
    opsets: { '': forward.opset ?? OPSET, 'com.microsoft': 1 },
    producerName: 'test',
    producerVersion: '',
    // ONNX Runtime infers the output types.
    graph: { ...graph, outputs: outputs.map((name) => ({ name })) },
    metadata: {},
  });
}

/** Types and symbolic shapes of all results, from runs with two batch sizes, and their sizes with the larger batch. */
async function symbolicShapes(
  forward: Forward,
  inputs: ReadonlyMap<string, Tensor>,
): Promise<{ shapes: Map<string, Typed>; sizes: Map<string, readonly number[]> }> {
  const { b, fed } = build(forward, 'float32', new Map());
  const names = forward.nodes.flatMap(({ outputs }) => outputs).filter((name) => name !== '');
  const session = await runtime.load(encode(forward, b, fed, names));
  const smaller = new Map([...forward.inputs].map(([name, input]) => [name, draw(input, new Random(2), BATCH - 1)]));
  const [large, small] = [await session.run(feeds(forward, inputs)), await session.run(feeds(forward, smaller))];
  await session.release();
  const runs: Sizes[] = [{ batch: BATCH }, { batch: BATCH - 1 }];
  return {
    shapes: new Map(
      names.map((name) => {
        const shape = large[name].shape.map((d, i) => dimensionFrom([d, small[name].shape[i]], runs) ?? `${name}.${i}`);
        return [name, { type: large[name].type, shape }];
      }),
    ),
    sizes: new Map(names.map((name) => [name, large[name].shape])),
  };
}

async function gradientModel(
  forward: Forward,
  shapes: ReadonlyMap<string, Typed>,
  weights: ReadonlyMap<string, Tensor>,
): Promise<{ session: Session; outputs: Map<string, string> }> {
  const { b, fed } = build({ ...forward, nodes: forward.differentiated ?? forward.nodes }, 'float32', shapes);
  const terms = [...weights.keys()].map((name) => {
    const weight = b.input(`${name}.weight`, 'float32', shapes.get(name)!.shape);
    fed.push(weight);
    return b.reduceSum(b.mul(b.cast(b.value(name), 'float32'), weight));
  });
  const wanted = [...forward.inputs].filter(([, { differentiated }]) => differentiated).map(([name]) => name);
  const gradients = differentiate(b, b.sum(terms), wanted);
  for (const [name, gradient] of gradients) {
    if (String(gradient.shape) !== String(b.value(name).shape))
      throw new Error(`gradient of ${name} is declared [${gradient.shape}], not [${b.value(name).shape}]`);
  }
  // A gradient may be the weight of the loss itself. An Identity keeps a graph output from being a graph input.
  const outputs = new Map([...gradients].map(([name, value]) => [name, b.identity(value, `${name}.grad`).name]));
  lower(b, [...outputs.values()]);
  return { session: await runtime.load(encode(forward, b, fed, [...outputs.values()])), outputs };
}

async function run(
  { session, outputs }: { session: Session; outputs: ReadonlyMap<string, string> },
  fed: Record<string, Tensor>,
): Promise<Map<string, Tensor>> {
  const results = outputs.size ? await session.run(fed) : {};
  await session.release();
  return new Map([...outputs].map(([name, output]) => [name, results[output]]));
}

/** A session that runs the nodes in double precision, or in single precision if a double kernel is missing. */
async function forwardSession(forward: Forward): Promise<{ session: Session; precision: 'double' | 'single' }> {
  const model = (type: DataType) => {
    const { b, fed } = build(forward, type, new Map());
    return encode(forward, b, fed, forward.outputs);
  };
  if (forward.precision !== 'single') {
    try {
      return { session: await runtime.load(model('float64')), precision: 'double' };
    } catch (error) {
      // The kernel is missing, or the com.microsoft operator does not support the type.
      if (!/NOT_IMPLEMENTED|has no kernel|Type Error|not supported/i.test(String((error as Error).message)))
        throw error;
    }
  }
  return { session: await runtime.load(model('float32')), precision: 'single' };
}
