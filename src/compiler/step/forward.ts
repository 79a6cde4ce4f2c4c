import { ThawError } from '../../errors.ts';
import {
  axis,
  type Graph,
  type GraphBuilder,
  innerNames,
  type Node,
  plainAttributes,
  readsOf,
  type Tensor,
  tensor,
  type Value,
} from '../../onnx/index.ts';
import {
  findFoldings,
  findGelus,
  findScores,
  fold,
  isTrainingDropout,
  placeConstants,
  placeCubicResize,
  placeDropout,
  poolFirst,
  rateOf,
  selectEarly,
  separateProjections,
  type TypedGraph,
} from '../kernels/index.ts';
import type { Inference } from '../shapes/index.ts';
import { batchNormTraining, isTrainedBatchNorm } from './batch-norm.ts';
import { type DropoutPlan, MASK, slotsOf, type TrainingPlan } from './plan.ts';
import { AVERAGE_WEIGHT, SAMPLES } from './update.ts';

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
 * Places the network's nodes in the builder: frozen parameters as constants, trainable ones as inputs, shape arithmetic that is
 * known when compiling as constants.
 *
 * @param mode `training` adds dropout and, where the plan says so, batch statistics
 * @throws ThawError `bad-config` when the plan names what the network does not have
 */
export function placeForward(
  b: GraphBuilder,
  network: Inference,
  plan: TrainingPlan,
  mode: 'training' | 'evaluation',
): Forward {
  checkTrainable(plan.trainable, network.model.graph.initializers);
  checkNames(network.model.graph.initializers, network.values, plan);
  const { constants } = network;
  const contents = (name: string) => constants.get(name) ?? network.model.graph.initializers.get(name);
  const dropouts = dropoutsByNode(plan);
  const dropoutsOf = (node: Node) => dropouts.get(nameOf(node)) ?? [];
  const stays = (node: Node) => dropoutsOf(node).length > 0 || isTrainedBatchNorm(node, plan);
  const { graph, values } = reordered(network, plan, stays);
  // Some nodes are placed as several: what these are called must not be what a later node calls its own.
  b.reserve([...values.keys(), ...graph.nodes.flatMap(({ name, outputs }) => [name, ...outputs])]);
  const moving = new Set(graph.nodes.filter((n) => isTrainedBatchNorm(n, plan)).flatMap((n) => n.inputs.slice(3, 5)));
  const parameters: Value<readonly number[]>[] = [];
  const statistics = new Map<string, { value: Value; next?: Value }>();
  for (const [name, contents] of graph.initializers) {
    if (plan.trainable.has(name)) parameters.push(b.input(name, contents.type, contents.shape));
    else if (moving.has(name)) statistics.set(name, { value: b.input(name, contents.type, contents.shape) });
    else b.initializer(name, contents);
  }
  const inputs = graph.inputs.map(({ name }) => {
    const { type, shape } = values.get(name)!;
    return b.input(name, type, shape);
  });

  const noise: Value[] = [];
  const reached = new Set([...plan.trainable, ...moving]);
  const frozen = new Set<Node>();
  const dropped = new Map<string, Value>();
  const foldings = findFoldings(graph, constants, (node) => !stays(node));
  const gelus = findGelus(graph, constants, (node) => !stays(node));
  const scores = findScores(graph, values, constants, (node) => !stays(node));
  const absorbed = new Set<Node>();
  for (const original of graph.nodes) {
    if (absorbed.has(original) || placeConstants(b, original, constants)) continue;
    let node = original;
    const folding = foldings.get(original);
    if (folding && [original, folding.norm].some((n) => n && readsOf(n).some((name) => reached.has(name)))) {
      // A frozen one is left to ONNX Runtime, which does the same where weights are constants.
      node = fold(b, original, folding);
      if (folding.norm) {
        absorbed.add(folding.norm);
        for (const weight of node.inputs.slice(1)) reached.add(weight);
      }
    }
    const gelu = gelus.get(original);
    // What it was made of is left without a reader.
    if (gelu && reached.has(gelu.inputs[0]) && values.get(gelu.inputs[0])?.type === 'float32') node = gelu;
    const product = scores.get(original);
    if (product?.inputs.some((name) => reached.has(name))) node = product;
    const isReached = readsOf(node).some((name) => reached.has(name));
    // In the frozen part nothing is dropped: it computes what it does in evaluation.
    if (mode === 'training' && isReached) {
      const now = new Map<string, string>();
      for (const { entry, at } of dropoutsOf(original)) {
        const from = now.get(entry.value) ?? entry.value;
        const key = `${at} ${from}`;
        if (!dropped.has(key)) dropped.set(key, drop(b, b.value(from), entry, noise).y);
        now.set(entry.value, dropped.get(key)!.name);
      }
      node = { ...node, inputs: node.inputs.map((name) => now.get(name) ?? name) };
    }
    if (mode === 'training' && isReached) node = withStatistics(b, node);
    if (isReached) for (const output of node.outputs) reached.add(output);
    else frozen.add(node);
    if (mode === 'training' && isTrainedBatchNorm(node, plan)) {
      for (const statistic of batchNormTraining(b, node)) statistics.set(statistic.value.name, statistic);
      continue;
    }
    for (const name of [...node.outputs, ...innerNames(node)]) {
      const typed = values.get(name);
      if (name && typed) b.declare({ name, ...typed });
    }
    if (isTrainingDropout(node, contents)) {
      const x = b.value(node.inputs[0]);
      // In the frozen part nothing is dropped.
      const rate = mode === 'training' && isReached ? rateOf(node, contents) : 0;
      if (rate === undefined) throw unknownRate(node);
      placeDropout(b, node, x, rate ? drop(b, x, { value: x.name, rate }, noise) : undefined);
    } else if (!isReached || !placeCubicResize(b, node, constants)) b.append(node);
  }
  // An output that is no tensor, such as a sequence, has no place in a training.
  const outputs = graph.outputs.filter(({ name }) => values.has(name)).map(({ name }) => b.value(name));
  return { inputs, parameters, statistics: [...statistics.values()], noise, outputs, frozen };
}

/**
 * The graph with what trains computed only where the plan reads it, in products of their own where it is taken apart, and cut off after it is
 * pooled. What is frozen stays: its results are remembered, whatever trains.
 */
function reordered(
  { model: { graph }, values, constants }: Inference,
  plan: TrainingPlan,
  stays: (node: Node) => boolean,
) {
  const { student, teacher } = plan.distillation ?? {};
  const named = [student, teacher].filter((name) => name !== undefined);
  const freeIn = ({ graph: { nodes } }: TypedGraph) => {
    const trains = dependentNodes(nodes, plan.trainable);
    return (node: Node) => trains.has(node) && !stays(node);
  };
  const given = { graph, values };
  const separated = separateProjections(given, constants, named, freeIn(given));
  const free = freeIn(separated);
  return selectEarly(poolFirst(separated, named, free), constants, named, free);
}

/** The nodes that compute something of what has one of these names. */
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

/** A layer normalization that tells the mean and 1/σ of each row as well: its gradient needs them. */
function withStatistics(b: GraphBuilder, node: Node): Node {
  const { op, domain, inputs, outputs } = node;
  if (op !== 'LayerNormalization' || domain !== '' || outputs.length > 1) return node;
  const { type, shape } = b.value(inputs[0]);
  const from = axis(plainAttributes(node).axis ?? -1, shape.length);
  const rows = { type, shape: shape.map((d, i) => (i < from ? d : 1)) };
  const names = ['mean', 'inverse'].map((name) => b.unique(`${outputs[0]}.${name}`));
  for (const name of names) b.declare({ name, ...rows });
  return { ...node, outputs: [...outputs, ...names] };
}

const nameOf = (node: Node): string => node.name || node.outputs[0];

/** The plan's dropouts in front of each node, by its name, with their places in the plan. */
function dropoutsByNode({ dropout: all = [] }: TrainingPlan) {
  const found = new Map<string, { readonly entry: DropoutPlan; readonly at: number }[]>();
  all.forEach((entry, at) => {
    for (const name of entry.into) {
      const known = found.get(name);
      if (known) known.push({ entry, at });
      else found.set(name, [{ entry, at }]);
    }
  });
  return found;
}

function checkTrainable(trainable: ReadonlySet<string>, initializers: ReadonlyMap<string, Tensor>): void {
  for (const name of trainable) {
    const type = initializers.get(name)?.type;
    if (type === 'float32') continue;
    throw new ThawError(
      'bad-config',
      type
        ? `parameter "${name}" is ${type}, and only float32 parameters train`
        : `the model has no parameter "${name}"`,
      'See `thaw inspect` for the names of what can be trained',
    );
  }
}

/** Names that the contract gives to what it adds must be free. */
function checkNames(initializers: Graph['initializers'], values: Inference['values'], plan: TrainingPlan): void {
  const reserved = [...plan.trainable].flatMap((name) => {
    const slots = Object.keys(slotsOf(plan, initializers.get(name)!.shape));
    const state = [...slots, ...(plan.accumulate ? ['grad_sum'] : []), ...(plan.average ? ['average'] : [])];
    return ['grad', 'next', ...state, ...state.map((slot) => `${slot}.next`)].map((suffix) => `${name}.${suffix}`);
  });
  const own = ['loss', 'labels', 'lr', 'step', ...(plan.accumulate ? [SAMPLES, `${SAMPLES}.next`] : [])];
  if (plan.lossOptions.mask) own.push(MASK);
  if (plan.average) own.push(AVERAGE_WEIGHT);
  if (plan.movesMomentum) own.push('momentum');
  const taken = [...own, ...reserved].find((name) => values.has(name));
  if (taken === undefined) return;
  throw new ThawError(
    'bad-model',
    `the model has a value called "${taken}", a name that training gives to a value of its own`,
    'Rename it in the model',
  );
}

const unknownRate = (node: Node): ThawError =>
  new ThawError(
    'bad-model',
    `the rate of the Dropout node "${nameOf(node)}" is not known when compiling`,
    'Export the model with a constant rate',
  );

/** y = x·kept / (1 − rate), and kept = 1[noise ≥ rate], the noise being an input. */
function drop(
  b: GraphBuilder,
  x: Value,
  { value, rate, whole }: Pick<DropoutPlan, 'value' | 'rate' | 'whole'>,
  noise: Value[],
): { y: Value; kept: Value } {
  const name = b.has(`${value}.noise`) ? `${value}.${noise.length}.noise` : `${value}.noise`;
  const drawn = b.input(name, 'float32', whole ? x.shape.map((d, i) => (i === 0 ? d : 1)) : x.shape);
  noise.push(drawn);
  const kept = b.greaterOrEqual(drawn, b.constant(tensor('float32', [], Float32Array.of(rate))));
  return { y: b.mul(x, b.mul(b.cast(kept, 'float32'), 1 / (1 - rate))), kept };
}
