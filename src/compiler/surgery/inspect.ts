import { dataInputsOf, type Model, type Node, type Shape } from '../../onnx/index.ts';
import type { Inference } from '../shapes/index.ts';
import { groupsOf } from './groups.ts';
import { type Head, headOf } from './head.ts';
import { type Omission, omissionsOf } from './omissions.ts';
import { surveyParameters } from './parameters.ts';
import { lastGroups, type SuggestedStage, suggestPlan } from './plan.ts';
import { obstaclesOf, trainableGroups } from './trainability.ts';

/** `kept`: the graph has batch normalization; `folded`: its scales are part of the convolutions' weights; `none`: neither. */
export type BatchNormState = 'kept' | 'folded' | 'none';

/** A model's parts, and how to train it. */
export interface Inspection {
  readonly inputs: readonly { readonly name: string; readonly type: string; readonly shape: Shape }[];
  readonly outputs: readonly { readonly name: string; readonly type: string; readonly shape: Shape }[];
  /** The number of elements of all trainable parameters. */
  readonly parameters: number;
  readonly groups: readonly {
    readonly name: string;
    readonly parameters: readonly string[];
    readonly statistics: readonly string[];
    readonly count: number;
  }[];
  readonly head: Head | null;
  /** Nodes without a gradient on the gradients' path, nearest to the output first. */
  readonly unsupported: readonly { readonly operator: string; readonly node: string; readonly why: string }[];
  /** The largest set of last layer groups that can be trained, as a `--trainable` value; null if not even the head can. */
  readonly trainable: string | null;
  readonly batchNorm: BatchNormState;
  /** Float tensors that no stage trains, with the reasons. */
  readonly omitted: readonly Omission[];
  readonly plan: readonly SuggestedStage[];
}

export interface InspectionOptions {
  readonly head?: Head;
}

export function inspect(model: Model, inference: Inference, options: InspectionOptions = {}): Inspection {
  const { head = headOf(model) } = options;
  const { graph } = model;
  const survey = surveyParameters(graph, head?.graphOutput);
  const groups = groupsOf(model, head, survey);
  const obstacles = obstaclesOf(inference, groups, head?.graphOutput ?? graph.outputs[0]?.name ?? '');
  const most = trainableGroups(groups, obstacles);
  const describe = ({ name }: { name: string }) => ({
    name,
    ...(inference.values.get(name) ?? { type: 'unknown', shape: [] }),
  });
  return {
    inputs: dataInputsOf(graph).map(describe),
    outputs: graph.outputs.map(describe),
    parameters: groups.reduce((all, { count }) => all + count, 0),
    groups: groups.map(({ name, parameters, statistics, count }) => ({ name, parameters, statistics, count })),
    head: head ?? null,
    unsupported: obstacles.map(({ operator, node, why }) => ({ operator, node, why })),
    trainable: most > 0 ? lastGroups(most, groups.length) : null,
    batchNorm: batchNormState(graph.nodes),
    omitted: omissionsOf(graph, groups, survey, head?.graphOutput),
    plan: most > 0 ? suggestPlan(groups, most) : [],
  };
}

function batchNormState(nodes: readonly Node[]): BatchNormState {
  if (nodes.some(({ op }) => op === 'BatchNormalization')) return 'kept';
  const convolutions = nodes.filter(({ op }) => op === 'Conv');
  const normalizes = nodes.some(({ op }) => /Normalization$/.test(op));
  return convolutions.length > 0 && !normalizes && convolutions.every(({ inputs }) => inputs[2]) ? 'folded' : 'none';
}
