import { ThawError } from '../../errors.ts';
import {
  type AttributeLike,
  arrayFrom,
  type Graph,
  GraphView,
  labelOf,
  type Model,
  makeNode,
  type Node,
  pruned,
  type Tensor,
  tensor,
  type ValueInfo,
} from '../../onnx/index.ts';
import { Random } from '../../random.ts';
import { headOf } from './head.ts';

/** How a text's tokens become one vector: the model's own pooling, the first token's vector, or the mean over all tokens. */
export const poolings = ['auto', 'pooler', 'cls', 'mean'] as const;
export type Pooling = (typeof poolings)[number];

export interface EncoderHead {
  readonly classes: number;
  readonly seed: number;
  readonly pooling: Pooling;
  /** Size of the encoder's vectors, if the file does not declare it. */
  readonly features?: number;
}

/** Outputs with one vector per text. */
const POOLED = ['sentence_embedding', 'pooler_output'];
const TOKENS = ['last_hidden_state', 'token_embeddings'];
const OUTPUT = 'logits';
/** `TensorProto.FLOAT` */
const FLOAT = 1;
const NAME = 'classifier';

/** Whether a text model is already a classifier: its first output is a classifier's scores `[batch, classes]`. */
export function isClassifier(model: Model): boolean {
  const [output] = model.graph.outputs;
  const rank = output?.shape?.length;
  if (POOLED.includes(output?.name) || TOKENS.includes(output?.name)) return false;
  return (rank === undefined || rank === 2) && headOf(model) !== undefined;
}

/**
 * A text encoder with a new classifier: a Gemm on one vector per text, with weights drawn like PyTorch's `Linear`. Its only output is
 * `logits`.
 *
 * @throws ThawError `bad-model` if the encoder gives neither tokens nor vectors, `bad-config` if it cannot be pooled as requested
 */
export function addHead(model: Model, head: EncoderHead): Model {
  const { graph } = model;
  const { features: source, nodes: pooling, constants } = pooled(graph, head.pooling);
  const size = source.shape?.at(-1);
  const features = typeof size === 'number' ? size : head.features;
  if (features === undefined) {
    throw new ThawError(
      'bad-model',
      `the output "${source.name}" does not say how long its vectors are`,
      'Put the config.json with hidden_size next to the model',
    );
  }
  const bound = 1 / Math.sqrt(features);
  const drawn = (name: string, shape: readonly number[]): Tensor => {
    const random = new Random(head.seed, 'head', name);
    const count = shape.reduce((all, d) => all * d, 1);
    return tensor(
      'float32',
      shape,
      Float32Array.from({ length: count }, () => random.between(-bound, bound)),
    );
  };
  const weight = `${NAME}.weight`;
  const bias = `${NAME}.bias`;
  const last = pooling.at(-1)?.outputs[0] ?? source.name;
  const gemm = node('Gemm', [last, weight, bias], OUTPUT, { transB: 1 }, `/${NAME}/Gemm`);
  const free = renamed(graph);
  const headed = pruned({
    ...free,
    nodes: [...free.nodes, ...pooling, gemm],
    outputs: [{ name: OUTPUT, type: 'float32', shape: ['batch', head.classes] }],
    initializers: new Map([
      ...graph.initializers,
      ...constants,
      [weight, drawn(weight, [head.classes, features])],
      [bias, drawn(bias, [head.classes])],
    ]),
    valueInfo: [],
  });
  return { ...model, graph: headed };
}

/** The encoder's vectors, and the nodes that pool a text's vectors into one. */
function pooled(graph: Graph, asked: Pooling): { features: ValueInfo; nodes: Node[]; constants: [string, Tensor][] } {
  const output = (names: readonly string[]) =>
    names.flatMap((name) => graph.outputs.find((o) => o.name === name) ?? [])[0];
  const vector = output(POOLED);
  const tokens = output(TOKENS) ?? graph.outputs.find(({ shape }) => shape?.length === 3);
  const mask = graph.inputs.find(({ name }) => name === 'attention_mask');
  const pooling = asked !== 'auto' ? asked : vector ? 'pooler' : mask ? 'mean' : 'cls';
  const found = pooling === 'pooler' ? vector : tokens;
  if (!found || (pooling === 'mean' && !mask)) {
    const names = graph.outputs.map(({ name }) => name).join(', ');
    throw new ThawError(
      asked === 'auto' ? 'bad-model' : 'bad-config',
      `texts cannot be pooled as "${pooling}": the model has ${mask ? '' : 'no attention_mask and '}the outputs ${names}`,
      'Choose another --pooling, or export the encoder with last_hidden_state or pooler_output',
    );
  }
  if (pooling === 'pooler') return { features: found, nodes: [], constants: [] };
  const hidden = found.name;
  const value = (name: string) => `/${NAME}/${name}`;
  if (pooling === 'cls') {
    const first: [string, Tensor] = [value('first'), tensor('int64', [], arrayFrom('int64', [0]))];
    return {
      features: found,
      nodes: [node('Gather', [hidden, first[0]], value('pooled'), { axis: 1 })],
      constants: [first],
    };
  }
  // Σ mask·h / Σ mask² with a mask of 0 or 1, as matrix products, which have the same form in every version of the operator set.
  const row: [string, Tensor] = [value('row'), tensor('int64', [3], arrayFrom('int64', [0, 1, -1]))];
  const column: [string, Tensor] = [value('column'), tensor('int64', [3], arrayFrom('int64', [0, -1, 1]))];
  const nodes = [
    node('Cast', [mask!.name], value('mask'), { to: FLOAT }),
    node('Reshape', [value('mask'), row[0]], value('mask_row')),
    node('Reshape', [value('mask'), column[0]], value('mask_column')),
    node('MatMul', [value('mask_row'), hidden], value('sum')),
    node('MatMul', [value('mask_row'), value('mask_column')], value('count')),
    node('Div', [value('sum'), value('count')], value('mean')),
    node('Flatten', [value('mean')], value('pooled'), { axis: 1 }),
  ];
  return { features: found, nodes, constants: [row, column] };
}

const node = (
  op: string,
  inputs: string[],
  output: string,
  attributes: Readonly<Record<string, AttributeLike>> = {},
  name = output,
): Node => makeNode(op, inputs, [output], attributes, { name });

/** Refuses a graph in which another value has the output's name. */
function renamed(graph: Graph): Graph {
  const taken = new GraphView(graph).producer(OUTPUT);
  if (!taken) return graph;
  throw new ThawError(
    'bad-model',
    `"${labelOf(taken)}" computes logits, but not by a classifier that Thaw recognizes`,
    'Export the encoder alone (in Optimum, --task feature-extraction)',
  );
}
