import { elementCount, type Model, type Node, type Shape } from '../onnx/index.ts';
import type { Inference } from '../shapes/index.ts';
import { reachedFrom } from './flow.ts';
import { groupsOf, type LayerGroup } from './groups.ts';
import { type Head, headOf } from './head.ts';
import { lastGroups, type SuggestedStage, suggestPlan } from './plan.ts';
import { obstaclesOf, trainableGroups } from './trainability.ts';

/** `kept`: the graph has batch normalization; `folded`: it had, and its scales are in the convolutions' weights; `none`: neither. */
export type BatchNormState = 'kept' | 'folded' | 'none';

/** What `thaw inspect` tells of a model. */
export interface Inspection {
  readonly inputs: readonly { readonly name: string; readonly type: string; readonly shape: Shape }[];
  readonly outputs: readonly { readonly name: string; readonly type: string; readonly shape: Shape }[];
  /** Elements of all trainable parameters. */
  readonly parameters: number;
  readonly groups: readonly {
    readonly name: string;
    readonly parameters: readonly string[];
    readonly statistics: readonly string[];
    readonly count: number;
  }[];
  readonly head: Head | null;
  /** Nodes that gradients would have to pass and cannot, the nearest to the output first. */
  readonly unsupported: readonly { readonly operator: string; readonly node: string; readonly why: string }[];
  /** The largest set of last layer groups that can be trained, as `--trainable` takes it; null where not even the head can. */
  readonly trainable: string | null;
  readonly batchNorm: BatchNormState;
  /** Estimated bytes of a training step with AdamW. */
  readonly memory: { readonly batch: number; readonly head: number; readonly all: number };
  readonly plan: readonly SuggestedStage[];
}

export interface InspectionOptions {
  readonly head?: Head;
  readonly batch?: number;
}

export function inspect(model: Model, inference: Inference, options: InspectionOptions = {}): Inspection {
  const { head = headOf(model), batch = 16 } = options;
  const groups = groupsOf(model, head);
  const { graph } = model;
  const obstacles = obstaclesOf(inference, groups, head?.graphOutput ?? graph.outputs[0]?.name ?? '');
  const most = trainableGroups(groups, obstacles);
  const describe = ({ name }: { name: string }) => ({
    name,
    ...(inference.values.get(name) ?? { type: 'unknown', shape: [] }),
  });
  return {
    inputs: graph.inputs.filter(({ name }) => !graph.initializers.has(name)).map(describe),
    outputs: graph.outputs.map(describe),
    parameters: groups.reduce((all, { count }) => all + count, 0),
    groups: groups.map(({ name, parameters, statistics, count }) => ({ name, parameters, statistics, count })),
    head: head ?? null,
    unsupported: obstacles.map(({ operator, node, why }) => ({ operator, node, why })),
    trainable: most > 0 ? lastGroups(most, groups.length) : null,
    batchNorm: batchNormState(graph.nodes),
    memory: memoryEstimate(model, inference, groups, batch),
    plan: most > 0 ? suggestPlan(groups, most) : [],
  };
}

function batchNormState(nodes: readonly Node[]): BatchNormState {
  if (nodes.some(({ op }) => op === 'BatchNormalization')) return 'kept';
  const convolutions = nodes.filter(({ op }) => op === 'Conv');
  const normalizes = nodes.some(({ op }) => /Normalization$/.test(op));
  return convolutions.length > 0 && !normalizes && convolutions.every(({ inputs }) => inputs[2]) ? 'folded' : 'none';
}

/** The process with nothing loaded. */
const BASE = 300e6;
/**
 * Bytes that a trained parameter takes at the worst moment, measured on a network of 49 M: values and AdamW's two moments in two sets
 * that take turns, gradients, and a checkpoint being written and read back.
 */
const PER_TRAINED = 96;

/**
 * The weights, as the model and as the sessions hold them; what is trained; and the activations that the backward pass reads, with
 * their gradients and the columns of convolutions: all floats that depend on a trained parameter, or where only the head is trained
 * the two largest, which the forward pass holds. An estimate to within a half.
 */
function memoryEstimate(
  { graph }: Model,
  { values }: Inference,
  groups: readonly LayerGroup[],
  batch: number,
): Inspection['memory'] {
  const weights = [...graph.initializers.values()].reduce(
    (all, { data }) => all + (ArrayBuffer.isView(data) ? data.byteLength : 0),
    0,
  );
  const count = groups.reduce((all, group) => all + group.count, 0);
  const trained = reachedFrom(
    graph.nodes,
    groups.flatMap(({ parameters }) => parameters),
  );
  const activations = graph.nodes
    .flatMap(({ outputs }) => outputs)
    .filter((name) => trained.has(name))
    .map((name) => bytesAt(values.get(name), batch));
  const [first = 0, second = 0] = [...activations].sort((a, b) => b - a);
  return {
    batch,
    head: BASE + 2 * weights + PER_TRAINED * (groups.at(-1)?.count ?? 0) + first + second,
    all: BASE + 2 * weights + PER_TRAINED * count + 3 * activations.reduce((all, bytes) => all + bytes, 0),
  };
}

function bytesAt(value: { type: string; shape: Shape } | undefined, batch: number): number {
  if (!value) return 0;
  const sizes = value.shape.map((d) =>
    typeof d === 'number'
      ? d
      : d.split('*').reduce((all, part) => all * (part === 'batch' ? batch : Number(part) || 1), 1),
  );
  return elementCount(sizes) * (value.type === 'float64' || value.type === 'int64' ? 8 : 4);
}
