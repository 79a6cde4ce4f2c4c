import { asStatic, GraphBuilder, type Model, readsOf, sameShape, type Value } from '../../onnx/index.ts';
import { dependents, differentiate, recomputed, recomputedFreely } from '../autodiff/index.ts';
import {
  assignBlocks,
  chainsBySample,
  lower,
  type Machine,
  prune,
  type Stored,
  stacksBySample,
  storable,
  withoutCopies,
} from '../kernels/index.ts';
import { LOSSES, type LossOptions } from '../losses/index.ts';
import type { Inference } from '../shapes/index.ts';
import { distilled } from './distillation.ts';
import { type Forward, placeForward } from './forward.ts';
import { writeInPlace } from './in-place.ts';
import type { TypeOf } from './memory.ts';
import { penaltyOf } from './penalty.ts';
import { MASK, optimizerOf, slotsOf, type TrainingPlan, trainingOptions } from './plan.ts';
import {
  averageOf,
  placeAverages,
  placeSummation,
  placeSummedUpdate,
  placeUpdate,
  sumOf,
  type Update,
} from './update.ts';

/**
 * `training_model.onnx`: from data, labels, mask, parameters and noise to `loss`, the model's outputs, and `<parameter>.grad`.
 *
 * @param machine that is to run it; files are for any
 * @throws ThawError `unsupported-operator` when a gradient has to pass an operator without a rule
 */
export function trainingModel(network: Inference, plan: TrainingPlan, machine: Machine = {}): Model {
  const b = new GraphBuilder();
  const { forward, targets, loss, gradients } = backward(b, network, plan);
  const outputs = [
    b.identity(loss, 'loss'),
    ...forward.outputs,
    ...[...gradients].map(([name, gradient]) => b.identity(gradient, `${name}.grad`)),
    ...nextStatistics(b, forward),
  ];
  const inputs = [...forward.inputs, ...targets, ...forward.parameters, ...statisticsOf(forward), ...forward.noise];
  return finish(b, network.model, { name: 'thaw_training', inputs, outputs, machine });
}

/** `eval_model.onnx`: from data, labels, mask and parameters to `loss` and the model's outputs. */
export function evaluationModel(network: Inference, plan: TrainingPlan): Model {
  const b = new GraphBuilder();
  const { forward, targets, loss } = evaluation(b, network, plan);
  const inputs = [...forward.inputs, ...targets, ...forward.parameters, ...statisticsOf(forward)];
  const outputs = [b.identity(loss, 'loss'), ...forward.outputs];
  return finish(b, network.model, { name: 'thaw_evaluation', inputs, outputs });
}

/** `optimizer_model.onnx`: from parameters, gradients, state, `lr` and `step` to their next values. */
export function optimizerModel(network: Inference, plan: TrainingPlan): Model {
  const b = new GraphBuilder();
  const parameters = placeParameters(b, network, plan);
  const gradients = parameters.map(({ name, type, shape }) => b.input(`${name}.grad`, type, shape));
  const update = placeUpdate(
    b,
    network,
    plan,
    parameters,
    new Map(parameters.map(({ name }, i) => [name, gradients[i]])),
  );
  const inputs = [...parameters, ...gradients, ...update.inputs];
  return finish(b, network.model, { name: 'thaw_optimizer', inputs, outputs: update.outputs });
}

/** The graphs that a trainer runs: the frozen part as an inference model, and the rest of a step in one. */
export interface StepModels {
  /** From the data inputs to the boundary values; none where training begins at the data. */
  readonly prefix?: Model;
  /** Values that training and evaluation take from the prefix (or data inputs); evaluation's are among training's. */
  readonly boundary: { readonly training: readonly Value[]; readonly evaluation: readonly Value[] };
  /**
   * Boundary, labels, noise, parameters, state, `lr`, `step` to `loss`, the output, `<name>.next`. Where the plan accumulates, `.next` is of
   * the gradients' sums and of statistics only.
   */
  readonly step: Model;
  /** Where the plan accumulates: parameters, state, sums, `lr`, `step` to `<name>.next`. */
  readonly update?: Model;
  /** Boundary, labels, parameters to `loss` and the output. */
  readonly evaluation: Model;
  readonly labels: { readonly training: Value; readonly evaluation: Value };
  readonly noise: readonly Value[];
  /** State that is kept in blocks, by name, as the models take it and give its next values. */
  readonly stored: ReadonlyMap<string, Stored>;
  /** Parameters that `step` reads no more when it writes their next value. */
  readonly inPlace: ReadonlySet<string>;
  /** Types and shapes of the values of `step` and of `evaluation`. */
  readonly types: { readonly step: TypeOf; readonly evaluation: TypeOf };
}

/**
 * Cuts the network where the first trainable parameter comes in, and writes forward, backward and update as one graph.
 *
 * @param machine that is to run them; the models' inputs and outputs are in the standard layout all the same, but for what is `stored`
 */
export function stepModels(network: Inference, plan: TrainingPlan, machine: Machine = {}): StepModels {
  const training = new GraphBuilder();
  const { forward, targets, loss, samples, gradients: all } = backward(training, network, plan, plan.accumulate);
  const gradients = lastFirst(training, all);
  const parameters = [...gradients.keys()].map((name) => asStatic(training.value(name)));
  const update = samples
    ? placeSummation(training, samples, parameters, gradients)
    : placeUpdate(training, network, plan, parameters, gradients);
  const statistics = nextStatistics(training, forward);
  const averages = plan.average && !samples ? placeAverages(training, nextOf(training, forward)) : NOTHING;
  const stored = storedState(training, plan, forward.parameters, machine);
  const step = cut(training, forward, network.model, {
    name: 'thaw_step',
    inputs: [
      ...targets,
      ...forward.parameters,
      ...statisticsOf(forward),
      ...forward.noise,
      ...update.inputs,
      ...averages.inputs,
    ],
    outputs: [
      training.identity(loss, 'loss'),
      training.value(plan.output),
      ...update.outputs,
      ...averages.outputs,
      ...statistics,
    ],
    machine,
    stored,
  });

  const e = new GraphBuilder();
  const evaluated = evaluation(e, network, plan);
  const evaluationStep = cut(e, evaluated.forward, network.model, {
    name: 'thaw_evaluation_step',
    inputs: [...evaluated.targets, ...evaluated.forward.parameters, ...statisticsOf(evaluated.forward)],
    outputs: [e.identity(evaluated.loss, 'loss'), e.value(plan.output)],
    machine,
    stored,
  });
  return {
    // Compiled when asked for: where images can be told apart, their features are remembered by other models.
    get prefix() {
      return prefixModel(network, plan, step.boundary);
    },
    boundary: { training: step.boundary, evaluation: evaluationStep.boundary },
    step: step.model,
    update: plan.accumulate ? summedUpdateModel(network, plan, statisticsOf(forward), { machine, stored }) : undefined,
    evaluation: evaluationStep.model,
    labels: { training: targets[0], evaluation: evaluated.targets[0] },
    noise: forward.noise,
    stored,
    inPlace: step.inPlace,
    types: { step: typesIn(training), evaluation: typesIn(e) },
  };
}

const typesIn =
  (b: GraphBuilder): TypeOf =>
  (name) =>
    b.has(name) ? b.value(name) : undefined;

// ------------------------------------------------------------------------------------------------------------------

function placeParameters(b: GraphBuilder, { model }: Inference, plan: TrainingPlan): Value<readonly number[]>[] {
  return [...plan.trainable].map((name) => {
    const { type, shape } = model.graph.initializers.get(name)!;
    return b.input(name, type, shape);
  });
}

/** The parameters that are kept in blocks, and the state that goes with them element by element. */
function storedState(
  b: GraphBuilder,
  plan: TrainingPlan,
  parameters: readonly Value[],
  { block }: Machine,
): Map<string, Stored> {
  const { optimizer } = optimizerOf(plan);
  if (!block || optimizer.byPlace) return new Map();
  return new Map(
    storable(b, parameters, block).flatMap(({ name, shape }) => {
      const slots = Object.entries(slotsOf(plan, shape)).filter(([, own]) => sameShape(own, shape));
      const names = [name, ...slots.map(([slot]) => `${name}.${slot}`), sumOf(name), averageOf(name)];
      return names.map((state) => [state, { shape, block }] as const);
    }),
  );
}

/** @param statistics as the batches have moved them */
function summedUpdateModel(
  network: Inference,
  plan: TrainingPlan,
  statistics: readonly Value[],
  target: Pick<Ends, 'machine' | 'stored'>,
): Model {
  const b = new GraphBuilder();
  const parameters = placeParameters(b, network, plan);
  const update = placeSummedUpdate(b, network, plan, parameters);
  const moved = plan.average ? statistics.map(({ name, type, shape }) => b.input(name, type, shape)) : [];
  const next = [
    ...parameters.map(({ name }) => [name, b.value(`${name}.next`)] as const),
    ...moved.map((value) => [value.name, value] as const),
  ];
  const averages = plan.average ? placeAverages(b, new Map(next)) : NOTHING;
  const inputs = [...parameters, ...moved, ...update.inputs, ...averages.inputs];
  const outputs = [...update.outputs, ...averages.outputs];
  return finish(b, network.model, { name: 'thaw_update', inputs, outputs, ...target });
}

const NOTHING: Update = { inputs: [], outputs: [] };

/** The new values of parameters and statistics, which are placed already. */
const nextOf = (b: GraphBuilder, { parameters, statistics }: Forward): Map<string, Value> =>
  new Map(
    [...parameters, ...statistics.flatMap(({ value, next }) => (next ? [value] : []))].map(({ name }) => [
      name,
      b.value(`${name}.next`),
    ]),
  );

/** @param summed whether the gradients are to be of the sum over the batch, whose number of `samples` is given then, not of the mean */
function backward(b: GraphBuilder, network: Inference, plan: TrainingPlan, summed = false) {
  const forward = placeForward(b, network, plan, 'training');
  const { targets, loss } = placeLoss(b, plan, trainingOptions(plan));
  const penalty = penaltyOf(b, plan, forward.parameters, network);
  const { distillation: taken } = plan;
  // Features that nothing which trains reaches are the pretrained network's own.
  const same = taken?.of === 'features' && [...forward.frozen].some(({ outputs }) => outputs.includes(taken.student));
  const taught = taken && !same ? distilled(b, loss, taken) : loss;
  const mean = penalty ? b.add(taught, penalty) : taught;
  const samples = summed ? b.cast(b.squeeze(b.slice(b.shapeOf(targets[0]), 0, 0, 1), [0]), 'float32') : undefined;
  const total = samples ? b.mul(mean, samples) : mean;
  const gradients = gradientsOf(b, network, plan, forward, total);
  // A parameter that the loss does not depend on has the gradient zero.
  for (const parameter of forward.parameters) {
    if (!gradients.has(parameter.name)) gradients.set(parameter.name, b.full(0, parameter));
  }
  return { forward, targets, loss: mean, samples, gradients };
}

/** The gradients by a backward pass that computes anew what is worth it. A first one, which keeps all that it reads, shows what there is to keep. */
function gradientsOf(
  b: GraphBuilder,
  { constants }: Inference,
  { recompute }: TrainingPlan,
  { parameters, inputs, noise, frozen }: Forward,
  loss: Value,
): Map<string, Value> {
  const wanted = parameters.map(({ name }) => name);
  const ahead = [...b.nodes];
  const gradients = differentiate(b, loss, wanted, constants);
  const placed = new Set(ahead);
  const first = { nodes: [...b.nodes], initializers: new Map() };
  prune(
    first,
    [...gradients.values()].map(({ name }) => name),
  );
  const passes = {
    forward: ahead.filter((node) => !frozen.has(node)),
    backward: first.nodes.filter((node) => !placed.has(node)),
    data: [...[...inputs, ...noise].map(({ name }) => name), ...[...frozen].flatMap(({ outputs }) => outputs)],
    active: dependents(b, ahead, wanted),
  };
  const recall = recompute ? recomputed(b, passes) : recomputedFreely(b, passes);
  if (!recall) return gradients;
  b.restart();
  b.nodes = [...ahead];
  return differentiate(b, loss, wanted, constants, undefined, recall);
}

/**
 * The gradients that are computed last come first. ONNX Runtime begins at the last of what nobody reads, and so makes an update before it goes on with the
 * backward pass: what the gradient is computed from is needed no longer.
 */
function lastFirst(b: GraphBuilder, gradients: ReadonlyMap<string, Value>): Map<string, Value> {
  const places = new Map(b.nodes.flatMap(({ outputs }, i) => outputs.map((name) => [name, i] as const)));
  const placeOf = ({ name }: Value) => places.get(name) ?? -1;
  return new Map([...gradients].sort(([, x], [, y]) => placeOf(y) - placeOf(x)));
}

function evaluation(b: GraphBuilder, network: Inference, plan: TrainingPlan) {
  const forward = placeForward(b, network, plan, 'evaluation');
  // Dropout, the penalty, label smoothing and blended labels belong to training: this is the loss alone.
  return { forward, ...placeLoss(b, plan, { ...plan.lossOptions, labelSmoothing: 0 }) };
}

/** @returns the inputs that the output is compared with: the labels, and the mask if the loss takes one */
function placeLoss(b: GraphBuilder, plan: TrainingPlan, options: LossOptions): { targets: Value[]; loss: Value } {
  const loss = LOSSES[plan.loss];
  const output = b.value(plan.output);
  const { type, shape } = loss.labels(output, options);
  const labels = b.input('labels', type, shape);
  const mask = options.mask && loss.mask ? b.input(MASK, 'float32', loss.mask(output, options)) : undefined;
  return { targets: mask ? [labels, mask] : [labels], loss: loss.build(b, output, labels, options, mask) };
}

const statisticsOf = (forward: Forward): Value[] => forward.statistics.map(({ value }) => value);

const nextStatistics = (b: GraphBuilder, forward: Forward): Value[] =>
  forward.statistics.flatMap(({ value, next }) => (next ? [b.identity(next, `${value.name}.next`)] : []));

interface Ends {
  readonly name: string;
  readonly inputs: readonly Value[];
  readonly outputs: readonly Value[];
  readonly machine?: Machine;
  /** State that is in blocks, as `<name>.next` is. */
  readonly stored?: ReadonlyMap<string, Stored>;
}

/** The graph without its frozen nodes, what it needs of them as inputs. */
function cut(b: GraphBuilder, forward: Forward, source: Model, ends: Ends) {
  const outside = new Map<string, Value>(forward.inputs.map((value) => [value.name, value]));
  const fromData = new Set(outside.keys());
  b.nodes = b.nodes.filter((node) => {
    if (readsOf(node).some((read) => fromData.has(read))) for (const output of node.outputs) fromData.add(output);
    // What is computed of weights alone stays: it is constant.
    if (!forward.frozen.has(node) || !fromData.has(node.outputs[0])) return true;
    for (const output of node.outputs) if (b.has(output)) outside.set(output, b.value(output));
    return false;
  });
  lowerFor(b, ends);
  const inPlace = ends.machine?.inPlace ? writeInPlace(b, ends.outputs) : new Set<string>();
  const used = new Set(b.nodes.flatMap(readsOf));
  const boundary = [...outside.values()].filter((value) => used.has(value.name));
  return { model: assemble(b, source, { ...ends, inputs: [...boundary, ...ends.inputs] }), boundary, inPlace };
}

function prefixModel(network: Inference, plan: TrainingPlan, boundary: readonly Value[]): Model | undefined {
  const b = new GraphBuilder();
  const forward = placeForward(b, network, plan, 'evaluation');
  const dataNames = new Set(forward.inputs.map(({ name }) => name));
  const outputs = boundary.filter(({ name }) => !dataNames.has(name));
  if (!outputs.length) return undefined;
  return finish(b, network.model, { name: 'thaw_prefix', inputs: forward.inputs, outputs });
}

/** Turns what is in the builder into a model of these inputs and outputs. */
export function finish(b: GraphBuilder, source: Model, ends: Ends): Model {
  lowerFor(b, ends);
  return assemble(b, source, ends);
}

/** Writes the graph with operators that a runtime has, without what the outputs do not need. */
function lowerFor(b: GraphBuilder, { outputs, machine, stored = new Map() }: Ends): void {
  const wanted = outputs.map(({ name }) => name);
  if (machine?.block) {
    prune(b, wanted);
    const next = [...stored].map(([name, as]) => [`${name}.next`, as] as const);
    assignBlocks(b, wanted, machine.block, new Map([...stored, ...next]));
  }
  lower(b, wanted, { machine });
  prune(b, wanted);
  // Kernels for blocks are the native CPU's, where a loop costs little and caches are what counts.
  if (machine?.block) {
    stacksBySample(b, wanted);
    chainsBySample(b, wanted);
  }
  b.nodes = withoutCopies(b.nodes, wanted);
}

function assemble(b: GraphBuilder, source: Model, { name, inputs, outputs }: Ends): Model {
  // What is kept in blocks has been declared anew.
  const declared = ({ name: own }: Value) => b.value(own);
  const added = [...b.domains].filter((domain) => domain && !Object.hasOwn(source.opsets, domain));
  const opsets = { ...source.opsets, ...Object.fromEntries(added.map((domain) => [domain, 1])) };
  return {
    irVersion: Math.max(source.irVersion, 8),
    opsets,
    producerName: 'thaw',
    producerVersion: '',
    graph: b.graph(name, inputs.map(declared), outputs.map(declared)),
    metadata: {},
    unknown: source.unknown,
  };
}
