import { differentiability } from '../autodiff/index.ts';
import { elementCount, isFloat, type Model, type Node, type Shape } from '../onnx/index.ts';
import type { Inference } from '../shapes/index.ts';
import { neededFor, reachedFrom } from './flow.ts';
import { groupsOf, type LayerGroup } from './groups.ts';
import { type Head, headOf, labelOf } from './head.ts';
import { type SuggestedStage, suggestPlan } from './plan.ts';

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
  /** Operators that gradients would have to pass and cannot. */
  readonly unsupported: readonly { readonly operator: string; readonly node: string }[];
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
    unsupported: unsupportedOperators(model, inference, groups),
    batchNorm: batchNormState(graph.nodes),
    memory: memoryEstimate(model, inference, groups, batch),
    plan: suggestPlan(groups),
  };
}

/** Nodes without a gradient rule between the parameters and the first output. */
export function unsupportedOperators(
  { graph }: Model,
  { values }: Inference,
  groups: readonly LayerGroup[],
): { operator: string; node: string }[] {
  const trained = reachedFrom(
    graph.nodes,
    groups.flatMap(({ parameters }) => parameters),
  );
  const needed = neededFor(graph.nodes, [graph.outputs[0]?.name ?? '']);
  const isPassed = ({ inputs, outputs }: Node) =>
    inputs.some((name) => trained.has(name) && isFloat(values.get(name)?.type ?? 'float32')) &&
    outputs.some((name) => needed.has(name) && isFloat(values.get(name)?.type ?? 'float32'));
  return graph.nodes
    .filter((node) => isPassed(node) && differentiability(node.op, node.domain) === 'none')
    .map((node) => ({ operator: node.domain ? `${node.domain}.${node.op}` : node.op, node: labelOf(node) }));
}

function batchNormState(nodes: readonly Node[]): BatchNormState {
  if (nodes.some(({ op }) => op === 'BatchNormalization')) return 'kept';
  const convolutions = nodes.filter(({ op }) => op === 'Conv');
  const normalizes = nodes.some(({ op }) => /Normalization$/.test(op));
  return convolutions.length > 0 && !normalizes && convolutions.every(({ inputs }) => inputs[2]) ? 'folded' : 'none';
}

/**
 * Weights; for what is trained, gradients and AdamW's two moments beside them; and the activations that the backward pass reads:
 * all floats that depend on a trained parameter, or where only the head is trained the two largest, which the forward pass holds.
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
    head: weights + 12 * (groups.at(-1)?.count ?? 0) + first + second,
    all: weights + 12 * count + activations.reduce((all, bytes) => all + bytes, 0),
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
