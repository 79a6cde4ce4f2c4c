import { ThawError } from '../../errors.ts';
import { GraphBuilder, GraphView, innerNames, isFloat, labelOf, type Node, readsOf } from '../../onnx/index.ts';
import { dependents, differentiate, operatorName, type UnsupportedOperator } from '../autodiff/index.ts';
import { isTrainingDropout, placeConstants, placeDropout } from '../kernels/index.ts';
import type { Inference } from '../shapes/index.ts';
import type { LayerGroup } from './groups.ts';
import { lastGroups } from './plan.ts';

/** A node without a gradient, and the parameters that it keeps from training. */
export interface Obstacle {
  readonly operator: string;
  readonly node: string;
  readonly why: string;
  /** The parameters behind it, which get no gradient. If several obstacles cut off a parameter, the nearest to the output lists it. */
  readonly parameters: readonly string[];
}

/**
 * All nodes without a gradient between an output and the groups' parameters, nearest to the output first. It differentiates the network to
 * find them, so cases that a rule does not cover are included; it runs nothing.
 */
export function obstaclesOf(network: Inference, groups: readonly LayerGroup[], output: string): Obstacle[] {
  const { initializers } = network.model.graph;
  const parameters = groups.flatMap((group) => group.parameters);
  const trained = parameters.filter((name) => initializers.get(name)?.type === 'float32');
  if (!isFloat(network.values.get(output)?.type ?? 'string')) return [];
  const b = placeNetwork(network, new Set(trained));
  const nodes = [...b.nodes];
  const refusals: UnsupportedOperator[] = [];
  differentiate(b, b.reduceSum(b.value(output)), trained, {
    known: network.constants,
    refused: (error) => refusals.push(error),
  });
  if (refusals.length === 0) return [];
  const behind = parametersBehind(nodes, trained, dependents(b, nodes, trained));
  return refusals.map(({ node, why }) => ({
    operator: operatorName(node),
    node: labelOf(node),
    why,
    parameters: behind(node),
  }));
}

/** For each node, the parameters behind it that no earlier node in the list cuts off. @param active values that depend on parameters */
function parametersBehind(nodes: readonly Node[], parameters: readonly string[], active: ReadonlySet<string>) {
  const view = new GraphView({ nodes });
  const places = new Map(parameters.map((name, i) => [name, i]));
  const seen = new Set<string>();
  return (node: Node): string[] => {
    const found: number[] = [];
    const open = [node];
    for (let next = open.pop(); next; next = open.pop()) {
      for (const name of readsOf(next)) {
        if (seen.has(name) || !active.has(name)) continue;
        seen.add(name);
        const place = places.get(name);
        if (place !== undefined) found.push(place);
        const producer = view.producer(name);
        if (producer) open.push(producer);
      }
    }
    return found.sort((a, b) => a - b).map((place) => parameters[place]);
  };
}

function placeNetwork({ model: { graph }, values, constants }: Inference, trained: ReadonlySet<string>): GraphBuilder {
  const b = new GraphBuilder();
  b.reserve([...values.keys(), ...graph.nodes.flatMap(({ name, outputs }) => [name, ...outputs])]);
  for (const [name, contents] of graph.initializers) {
    if (trained.has(name)) b.input(name, contents.type, contents.shape);
    else b.initializer(name, contents);
  }
  for (const { name } of graph.inputs) if (!b.has(name)) b.declare({ name, ...values.get(name)! });
  for (const node of graph.nodes) {
    if (placeConstants(b, node, constants)) continue;
    for (const name of [...node.outputs, ...innerNames(node)]) {
      if (values.has(name)) b.declare({ name, ...values.get(name)! });
    }
    // Training draws its noise elsewhere.
    if (isTrainingDropout(node, (name) => constants.get(name) ?? graph.initializers.get(name)))
      placeDropout(b, node, b.value(node.inputs[0]));
    else b.append(node);
  }
  return b;
}

/** The number of last layer groups that can be trained in spite of the obstacles. */
export function trainableGroups(groups: readonly LayerGroup[], obstacles: readonly Obstacle[]): number {
  const cutOff = new Set(obstacles.flatMap(({ parameters }) => parameters));
  return groups.length - 1 - groups.findLastIndex(({ parameters }) => parameters.some((name) => cutOff.has(name)));
}

/** @throws ThawError `unsupported-operator` if an obstacle cuts off parameters to train, with the largest set that can be trained */
export function refuseCutOff(
  trainable: ReadonlySet<string>,
  groups: readonly LayerGroup[],
  obstacles: readonly Obstacle[],
): void {
  const found = obstacles.find(({ parameters }) => parameters.some((name) => trainable.has(name)));
  if (!found) return;
  const lost = new Set(found.parameters.filter((name) => trainable.has(name)));
  const names = groups.filter(({ parameters }) => parameters.some((name) => lost.has(name))).map(({ name }) => name);
  const most = trainableGroups(groups, obstacles);
  throw new ThawError(
    'unsupported-operator',
    `${describeObstacle(found)}, which cuts off ${listed(names)} (${lost.size} of ${trainable.size} parameters to train)`,
    most > 0
      ? `The largest set that can be trained is --trainable ${lastGroups(most, groups.length)}`
      : 'Not even the head can be trained: export the model without this node',
  );
}

export const describeObstacle = ({ operator, node, why }: Obstacle): string =>
  `${operator} node "${node}" cannot be differentiated (${why})`;

const listed = (names: readonly string[]): string =>
  names.length <= 4 ? names.join(', ') : `${names.slice(0, 3).join(', ')} and ${names.length - 3} more layer groups`;
