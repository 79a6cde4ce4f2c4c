import { ThawError } from '../../errors.ts';
import {
  type Attribute,
  arrayFrom,
  dataInputsOf,
  elementCount,
  type Graph,
  GraphView,
  type Model,
  makeNode,
  type Node,
  numbersOf,
  readsOf,
  type Tensor,
} from '../../onnx/index.ts';
import type { Feeds, Runtime } from '../../runtime/session.ts';
import type { DataInput } from './inputs.ts';
import { load, run, sampleInput, withoutWeights } from './probe.ts';

/** Tolerance, relative to the largest output, between a sample alone and in a batch: kernels may sum in another order. */
const TOLERANCE = 1e-4;

export interface FreedModel {
  readonly model: Model;
  readonly inputs: readonly DataInput[];
}

/**
 * Makes a fixed batch free. Often only the file's declaration is fixed. If not, `Reshape` targets that begin with the batch are rewritten,
 * and constants that are joined to a batch of one (a vision transformer's class token) are repeated for each sample. The result is checked:
 * in a batch of two, each sample must have the outputs that the original model computes for it.
 *
 * @throws ThawError `bad-model` if the model computes something else, or does not run, with another batch
 */
export async function freeBatch(model: Model, inputs: readonly DataInput[], runtime: Runtime): Promise<FreedModel> {
  const fixed = inputs.find(({ shape }) => shape.length >= 2)?.shape[0] ?? inputs[0].shape[0];
  if (typeof fixed !== 'number') return { model, inputs };
  const free = inputs.map((input) =>
    input.shape[0] === fixed ? { ...input, shape: ['batch', ...input.shape.slice(1)] } : input,
  );
  const samples = twoBatches(inputs, fixed);
  // A model that does not run as given fails here, with its own error.
  const alone = await runAll(model, runtime, samples.halves);
  const declared = declareFree(model, fixed, free);
  let reason: unknown;
  const reshaped = { ...declared, graph: freeReshapes(declared.graph, fixed) };
  const repeated = { ...reshaped, graph: repeatTokens(reshaped.graph) };
  for (const candidate of fixed === 1 ? [declared, reshaped, repeated] : [declared, reshaped]) {
    try {
      const [together] = await runAll(candidate, runtime, [samples.whole]);
      compare(alone, together);
      return { model: candidate, inputs: free };
    } catch (error) {
      if (!(error instanceof ThawError)) throw error;
      reason = error;
    }
  }
  throw new ThawError(
    'bad-model',
    `the model takes batches of ${fixed} only: ${(reason as ThawError).message}`,
    'Export it with a dynamic batch (torch.onnx.export: dynamic_axes={"input": {0: "batch"}})',
    { cause: reason },
  );
}

function declareFree(model: Model, fixed: number, inputs: readonly DataInput[]): Model {
  const { graph } = model;
  const shapes = new Map(inputs.map(({ name, shape }) => [name, shape]));
  return {
    ...model,
    graph: {
      ...graph,
      inputs: graph.inputs.map((info) => ({ ...info, shape: shapes.get(info.name) ?? info.shape })),
      outputs: graph.outputs.map((info) =>
        info.shape?.[0] === fixed ? { ...info, shape: ['batch', ...info.shape.slice(1)] } : info,
      ),
      valueInfo: [],
    },
  };
}

/**
 * `Reshape` to [batch, …]: the constant's first entry becomes -1 (the remaining size), or 0 (copied from the input) if another entry is -1.
 */
function freeReshapes(graph: Graph, fixed: number): Graph {
  const view = new GraphView(graph);
  const initializers = new Map(graph.initializers);
  const nodes = graph.nodes.map((node): Node => {
    const target = node.op === 'Reshape' && node.domain === '' ? view.constant(node.inputs[1]) : undefined;
    const freed = target && freeTarget(target, fixed, node.attributes.allowzero);
    if (!freed) return node;
    const name = `${node.inputs[1]}/free_${node.outputs[0]}`;
    initializers.set(name, freed);
    // The only zero in the target copies the batch, so `allowzero` has to go.
    const { allowzero: _, ...attributes } = node.attributes;
    return { ...node, inputs: [node.inputs[0], name], attributes };
  });
  return { ...graph, nodes, initializers };
}

/**
 * `Concat` of samples with a value that all share, `[1, …]`, along another axis than the first: the shared value is expanded to the batch.
 */
function repeatTokens(graph: Graph): Graph {
  const data = new Set(dataInputsOf(graph).map(({ name }) => name));
  const initializers = new Map(graph.initializers);
  const nodes = graph.nodes.flatMap((node): Node[] => {
    if (readsOf(node).some((name) => data.has(name))) for (const output of node.outputs) data.add(output);
    const { axis } = node.attributes;
    const sample = node.inputs.find((name) => data.has(name));
    const tokens = node.inputs.filter((name) => !data.has(name));
    if (node.op !== 'Concat' || node.domain !== '' || axis?.kind !== 'int' || Number(axis.value) === 0) return [node];
    if (sample === undefined || tokens.length === 0) return [node];
    const [y] = node.outputs;
    const added: Node[] = [];
    const emit = (op: string, inputs: string[], part: string, attributes = {}): string => {
      const name = `${y}/${part}`;
      added.push(makeNode(op, inputs, [name], attributes, { name }));
      return name;
    };
    const bound = (value: number): string => {
      const name = `${y}/from_${value}`;
      initializers.set(name, { type: 'int64', shape: [1], data: arrayFrom('int64', [value]) });
      return name;
    };
    // Sliced with a node of its own, because `Shape` has no bounds before operator set 15.
    const part = (name: string, from: number, to: number, as: string) =>
      emit('Slice', [emit('Shape', [name], `shape_of_${as}`), bound(from), bound(to)], as);
    const batch = part(sample, 0, 1, 'batch');
    const repeated = new Map(
      tokens.map((name, i) => {
        const rest = part(name, 1, MANY, `rest_${i}`);
        const shape = emit('Concat', [batch, rest], `shape_${i}`, { axis: 0 });
        return [name, emit('Expand', [name, shape], `repeated_${i}`)];
      }),
    );
    return [...added, { ...node, inputs: node.inputs.map((name) => repeated.get(name) ?? name) }];
  });
  return { ...graph, nodes, initializers };
}

/** More axes than any value has. */
const MANY = 64;

function freeTarget(target: Tensor, fixed: number, allowZero: Attribute | undefined): Tensor | undefined {
  const entries = numbersOf(target);
  const meansZero = allowZero?.kind === 'int' && Number(allowZero.value) === 1;
  if (entries.length === 0 || entries[0] !== fixed || (meansZero && entries.includes(0))) return undefined;
  const first = entries.includes(-1) ? 0 : -1;
  return { ...target, data: arrayFrom('int64', [first, ...entries.slice(1)]) };
}

type Outputs = Readonly<Record<string, Tensor>>;

/** Inputs of twice the fixed batch, and its two halves. */
function twoBatches(inputs: readonly DataInput[], fixed: number): { whole: Feeds; halves: readonly Feeds[] } {
  const all = inputs.map(({ name, type, shape }) => {
    const sizes = shape as readonly number[];
    const isBatched = sizes[0] === fixed;
    const whole = sampleInput(name, type, isBatched ? [2 * fixed, ...sizes.slice(1)] : sizes);
    const count = elementCount(sizes);
    const half = (which: number): Tensor =>
      isBatched ? { type, shape: sizes, data: whole.data.slice(which * count, (which + 1) * count) } : whole;
    return { name, whole, halves: [half(0), half(1)] };
  });
  const feeds = (pick: (input: (typeof all)[number]) => Tensor): Feeds =>
    Object.fromEntries(all.map((input) => [input.name, pick(input)]));
  return { whole: feeds(({ whole }) => whole), halves: [0, 1].map((which) => feeds(({ halves }) => halves[which])) };
}

async function runAll(model: Model, runtime: Runtime, feeds: readonly Feeds[]): Promise<Outputs[]> {
  const { light, weights } = withoutWeights(model);
  const outputs = light.graph.outputs.map(({ name }) => ({ name }));
  const session = await load({ ...light, graph: { ...light.graph, outputs } }, runtime);
  try {
    const results: Outputs[] = [];
    for (const inputs of feeds) results.push(await run(session, weights, inputs));
    return results;
  } finally {
    await session.release();
  }
}

/** @throws ThawError if the outputs of the two halves differ from those of the whole */
function compare(alone: readonly Outputs[], together: Outputs): void {
  for (const [name, whole] of Object.entries(together)) {
    const parts = alone.map((outputs) => outputs[name]);
    const expected = parts.flatMap((part) => Array.from(part.data as Float32Array, Number));
    const actual = Array.from(whole.data as Float32Array, Number);
    const scale = expected.reduce((all, v) => Math.max(all, Math.abs(v)), 1e-12);
    if (
      whole.shape[0] !== 2 * parts[0].shape[0] ||
      expected.length !== actual.length ||
      expected.some((v, i) => !(Math.abs(v - actual[i]) <= TOLERANCE * scale))
    ) {
      throw new ThawError('bad-model', `its output "${name}" for a sample depends on the other samples in the batch`);
    }
  }
}
