import { asStatic, GraphBuilder, type Model, sameShape, type Value } from '../../onnx/index.ts';
import { type Machine, type Stored, storable } from '../kernels/index.ts';
import type { Inference } from '../shapes/index.ts';
import { cut, type Ends, finish } from './assemble.ts';
import { backward, evaluation, nextStatistics, statisticsOf } from './backward.ts';
import type { Forward } from './forward.ts';
import type { TypeOf } from './memory.ts';
import { optimizerOf, slotsOf, type TrainingPlan } from './plan.ts';
import {
  averageOf,
  placeAverages,
  placeParameters,
  placeSummation,
  placeSummedUpdate,
  placeUpdate,
  sumOf,
  type Update,
} from './update.ts';

/** The graph that evaluates a stage, without its frozen part. */
export interface EvaluationStep {
  /** From the boundary, labels and parameters to `loss` and the output. */
  readonly model: Model;
  /** The values that it reads from the frozen part, or data inputs. */
  readonly boundary: readonly Value[];
  readonly labels: Value;
  /** Parameters that are stored in blocks, by name. */
  readonly stored: ReadonlyMap<string, Stored>;
  /** Types and shapes of its values. */
  readonly typeOf: TypeOf;
}

/** The graphs of a stage in training, without its frozen part. */
export interface StepModels {
  /**
   * From the boundary, labels, noise, parameters, state, `lr` and `step` to `loss`, the output and `<name>.next`. If the plan accumulates,
   * it has `.next` for the sums of gradients and the statistics only.
   */
  readonly step: Model;
  /** If the plan accumulates: from parameters, state, sums, `lr` and `step` to `<name>.next`. */
  readonly update?: Model;
  readonly evaluation: EvaluationStep;
  /** The values that `step` reads from the frozen part, or data inputs. They include those of the evaluation. */
  readonly boundary: readonly Value[];
  readonly labels: Value;
  readonly noise: readonly Value[];
  /** State that is stored in blocks, by name. The models read it and return its next values in blocks. */
  readonly stored: ReadonlyMap<string, Stored>;
  /** Parameters that `step` no longer reads when it writes their next value. */
  readonly inPlace: ReadonlySet<string>;
  /** Types and shapes of the values of `step`. */
  readonly typeOf: TypeOf;
}

/**
 * Cuts the network before its first trainable parameter, and builds forward, backward and update as one graph.
 *
 * @param machine that runs them. Inputs and outputs of the models are in the standard layout, except those that are `stored`.
 */
export function stepModels(network: Inference, plan: TrainingPlan, machine: Machine = {}): StepModels {
  const b = new GraphBuilder();
  const { forward, targets, loss, samples, gradients: all } = backward(b, network, plan, plan.accumulate);
  const gradients = lastFirst(b, all);
  const parameters = [...gradients.keys()].map((name) => asStatic(b.value(name)));
  const update = samples
    ? placeSummation(b, samples, parameters, gradients)
    : placeUpdate(b, network, plan, parameters, gradients);
  const next = nextStatistics(b, forward);
  const averages = plan.average && !samples ? placeAverages(b, nextOf(b, forward)) : NOTHING;
  const stored = storedState(b, plan, forward.parameters, machine);
  const statistics = statisticsOf(forward);
  const { model, boundary, inPlace } = cut(b, forward, network.model, {
    name: 'thaw_step',
    inputs: [...targets, ...forward.parameters, ...statistics, ...forward.noise, ...update.inputs, ...averages.inputs],
    outputs: [b.identity(loss, 'loss'), b.value(plan.output), ...update.outputs, ...averages.outputs, ...next],
    machine,
    stored,
  });
  return {
    step: model,
    update: plan.accumulate ? summedUpdateModel(network, plan, statistics, { machine, stored }) : undefined,
    evaluation: evaluationStep(network, plan, machine, stored),
    ...{ boundary, labels: targets[0], noise: forward.noise, stored, inPlace, typeOf: typesIn(b) },
  };
}

/**
 * The same cut for an evaluation.
 *
 * @param given the parameters that training stores in blocks; without it, an evaluation chooses those for which this is best
 */
export function evaluationStep(
  network: Inference,
  plan: TrainingPlan,
  machine: Machine = {},
  given?: ReadonlyMap<string, Stored>,
): EvaluationStep {
  const b = new GraphBuilder();
  const { forward, targets, loss } = evaluation(b, network, plan);
  const stored = given ?? storedState(b, plan, forward.parameters, machine);
  const { model, boundary } = cut(b, forward, network.model, {
    name: 'thaw_evaluation_step',
    inputs: [...targets, ...forward.parameters, ...statisticsOf(forward)],
    outputs: [b.identity(loss, 'loss'), b.value(plan.output)],
    machine,
    stored,
  });
  return { model, boundary, labels: targets[0], stored, typeOf: typesIn(b) };
}

const typesIn =
  (b: GraphBuilder): TypeOf =>
  (name) =>
    b.has(name) ? b.value(name) : undefined;

// ------------------------------------------------------------------------------------------------------------------

/** The parameters that are stored in blocks, and the state of the same shape. */
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

/** @param statistics after the batches of the update */
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

/**
 * The gradients in reverse order of computation. ONNX Runtime schedules from the last output backwards, so each update runs before the rest
 * of the backward pass, and the memory of its gradient is freed sooner.
 */
function lastFirst(b: GraphBuilder, gradients: ReadonlyMap<string, Value>): Map<string, Value> {
  const places = new Map(b.nodes.flatMap(({ outputs }, i) => outputs.map((name) => [name, i] as const)));
  const placeOf = ({ name }: Value) => places.get(name) ?? -1;
  return new Map([...gradients].sort(([, x], [, y]) => placeOf(y) - placeOf(x)));
}
