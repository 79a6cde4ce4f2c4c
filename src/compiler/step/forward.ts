import { type GraphBuilder, GraphView, type Node, readsOf, type Value } from '../../onnx/index.ts';
import { poolFirst, selectEarly, separateProjections, type TypedGraph } from '../kernels/index.ts';
import type { Inference } from '../shapes/index.ts';
import { isTrainedBatchNorm } from './batch-norm.ts';
import { dropoutsByNode, nameOf } from './dropout.ts';
import { placer } from './passes.ts';
import type { TrainingPlan } from './plan.ts';
import { checkPlan } from './plan-check.ts';

/** A network's own graph, placed in a builder. */
export interface Forward {
  /** Data inputs, in the model's order. */
  readonly inputs: readonly Value[];
  /** The trainable parameters, as inputs. */
  readonly parameters: readonly Value<readonly number[]>[];
  /** Running statistics that training moves, as inputs, with their new values. */
  readonly statistics: readonly { readonly value: Value; readonly next?: Value }[];
  /** Inputs that take uniform random numbers in [0, 1). */
  readonly noise: readonly Value[];
  /** The model's outputs that are tensors, in the model's order. */
  readonly outputs: readonly Value[];
  /** The nodes that nothing trainable reaches. */
  readonly frozen: ReadonlySet<Node>;
}

/**
 * Places the network's nodes in the builder: frozen parameters as constants, trainable ones as inputs, and each node by `PASSES`.
 *
 * @param mode `training` adds dropout, and batch statistics if the plan asks for them
 * @throws ThawError `bad-config` if the plan names something that the network does not have
 */
export function placeForward(
  b: GraphBuilder,
  network: Inference,
  plan: TrainingPlan,
  mode: 'training' | 'evaluation',
): Forward {
  checkPlan(network, plan);
  const dropouts = dropoutsByNode(plan);
  const isFree = (node: Node) => !dropouts.has(nameOf(node)) && !isTrainedBatchNorm(node, plan);
  const { graph, values } = reordered(network, plan, isFree);
  // Some nodes are placed as several, whose names must not be those of a later node.
  b.reserve([...values.keys(), ...graph.nodes.flatMap(({ name, outputs }) => [name, ...outputs])]);

  const moving = new Set(graph.nodes.filter((n) => isTrainedBatchNorm(n, plan)).flatMap((n) => n.inputs.slice(3, 5)));
  const parameters: Value<readonly number[]>[] = [];
  const statistics = new Map<string, { readonly value: Value; readonly next?: Value }>();
  for (const [name, contents] of graph.initializers) {
    if (plan.trainable.has(name)) parameters.push(b.input(name, contents.type, contents.shape));
    else if (moving.has(name)) statistics.set(name, { value: b.input(name, contents.type, contents.shape) });
    else b.initializer(name, contents);
  }
  const inputs = graph.inputs.map(({ name }) => {
    const { type, shape } = values.get(name)!;
    return b.input(name, type, shape);
  });

  const { constants, model } = network;
  const noise: Value[] = [];
  const frozen = new Set<Node>();
  const place = placer({
    ...{ b, plan, mode, graph, values, constants, isFree, statistics, noise, frozen },
    view: new GraphView(graph, { values, constants, trainable: plan.trainable }),
    contents: (name) => constants.get(name) ?? model.graph.initializers.get(name),
    reached: new Set([...plan.trainable, ...moving]),
  });
  for (const node of graph.nodes) place(node);
  // Training does not support outputs that are not tensors, such as sequences.
  const outputs = graph.outputs.filter(({ name }) => values.has(name)).map(({ name }) => b.value(name));
  return { inputs, parameters, statistics: [...statistics.values()], noise, outputs, frozen };
}

/**
 * The graph, with its trainable part reordered to compute less. The frozen part stays unchanged, so that its cached results stay valid
 * for every stage.
 */
function reordered(
  { model: { graph }, values, constants }: Inference,
  plan: TrainingPlan,
  isFree: (node: Node) => boolean,
): TypedGraph {
  const { student, teacher } = plan.distillation ?? {};
  const named = [student, teacher].filter((name) => name !== undefined);
  const trainsIn = ({ graph: { nodes } }: TypedGraph) => {
    const trains = dependentNodes(nodes, plan.trainable);
    return (node: Node) => trains.has(node) && isFree(node);
  };
  const given = { graph, values };
  // First, so that the next passes see the separate products.
  const separated = separateProjections(given, constants, named, trainsIn(given));
  const trains = trainsIn(separated);
  const pooled = poolFirst(separated, named, trains);
  // Last: it moves a selection up through all that the others leave.
  return selectEarly(pooled, constants, named, trains);
}

/** The nodes that compute something from values with these names. */
function dependentNodes(nodes: readonly Node[], names: ReadonlySet<string>): Set<Node> {
  const reached = new Set(names);
  const found = new Set<Node>();
  for (const node of nodes) {
    if (!readsOf(node).some((name) => reached.has(name))) continue;
    found.add(node);
    for (const output of node.outputs) reached.add(output);
  }
  return found;
}
