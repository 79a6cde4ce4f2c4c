import { type GraphBuilder, plainAttributes, type Value } from '../../onnx/index.ts';
import { clipped, type Units } from '../optimizers/index.ts';
import type { Inference } from '../shapes/index.ts';
import { optimizerOf, type TrainingPlan } from './plan.ts';

/** Weights decay. Biases and normalization parameters, which have a single axis, do not. */
export const decays = (parameter: { readonly shape: readonly unknown[] }): boolean => parameter.shape.length > 1;

/** The interface of an update: state, `lr` and `step` as inputs, `<name>.next` as outputs. */
export interface Update {
  readonly inputs: readonly Value[];
  readonly outputs: readonly Value[];
}

/** The trainable parameters as inputs. */
export const placeParameters = (
  b: GraphBuilder,
  { model }: Inference,
  plan: TrainingPlan,
): Value<readonly number[]>[] =>
  [...plan.trainable].map((name) => {
    const { type, shape } = model.graph.initializers.get(name)!;
    return b.input(name, type, shape);
  });

/** min(t/W, 1) at a parameter's own update t, starting at 1: a parameter that is thawed late starts with small steps. */
const risen = (b: GraphBuilder, t: Value, updates: number): Value => b.min(b.mul(b.cast(t, 'float32'), 1 / updates), 1);

/** The optimizer's step for every parameter. @param whole gradients by parameter, before clipping */
export function placeUpdate(
  b: GraphBuilder,
  network: Inference,
  plan: TrainingPlan,
  parameters: readonly Value<readonly number[]>[],
  whole: ReadonlyMap<string, Value>,
): Update {
  const gradients = plan.clip ? clipped(b, whole, plan.clip, unitsOf(network, plan, parameters)) : whole;
  const { optimizer, options } = optimizerOf(plan);
  const lr = b.input('lr', 'float32', []);
  const step = b.input('step', 'int64', []);
  const moved = plan.movesMomentum ? b.input('momentum', 'float32', []) : undefined;
  const inputs: Value[] = moved ? [lr, step, moved] : [lr, step];
  const outputs: Value[] = [];
  for (const parameter of parameters) {
    const { name, type, shape } = parameter;
    const slots = Object.fromEntries(
      Object.entries(optimizer.slots(shape, options)).map(([slot, slotShape]) => [
        slot,
        b.input(`${name}.${slot}`, type, slotShape),
      ]),
    );
    const offset = plan.stepOffsets.get(name) ?? 0;
    const own = offset ? b.sub(step, offset) : step;
    const rate = b.mul(lr, plan.learningRateScales.get(name) ?? 1);
    const { next, slots: nextSlots } = optimizer.update({
      b,
      parameter,
      gradient: gradients.get(name)!,
      slots,
      lr: offset && plan.thawWarmup ? b.mul(rate, risen(b, own, plan.thawWarmup)) : rate,
      step: own,
      moved,
      options: decays(parameter) ? options : { ...options, weightDecay: 0 },
    });
    inputs.push(...Object.values(slots));
    outputs.push(b.identity(next, `${name}.next`));
    for (const [slot, value] of Object.entries(nextSlots)) outputs.push(b.identity(value, `${name}.${slot}.next`));
  }
  return { inputs, outputs };
}

/** The axis of a weight's outputs: the first, as in convolutions, unless it multiplies from the right or is a transposed convolution's. */
function unitsOf({ model }: Inference, plan: TrainingPlan, parameters: readonly Value[]): Map<string, Units> {
  const last = new Set<string>();
  const second = new Set<string>();
  for (const node of model.graph.nodes) {
    const weight = node.inputs[1];
    if (node.op === 'MatMul' || (node.op === 'Gemm' && !plainAttributes(node).transB)) last.add(weight);
    if (node.op === 'ConvTranspose') second.add(weight);
  }
  const axisOf = ({ name, shape }: Value) => (last.has(name) ? shape.length - 1 : second.has(name) ? 1 : 0);
  return new Map(
    parameters
      .filter(({ name }) => !plan.clip?.except?.has(name))
      .map((parameter) => [parameter.name, { parameter, axis: axisOf(parameter) }]),
  );
}

// --- gradients summed over batches -----------------------------------------------------------------------------------

/** The state with the sum of a parameter's gradients since the last update, and the state with the number of samples in the sum. */
export const sumOf = (parameter: string): string => `${parameter}.grad_sum`;
export const SAMPLES = 'grad_samples';

/** Whether a state is one of these sums. */
export const isSum = (name: string): boolean => name === SAMPLES || name.endsWith('.grad_sum');

const placeSums = (b: GraphBuilder, parameters: readonly Value[]) => ({
  samples: b.input(SAMPLES, 'float32', []),
  sums: parameters.map(({ name, type, shape }) => b.input(sumOf(name), type, shape)),
});

/**
 * Adds a batch to the sums.
 *
 * @param samples number of samples in the batch, float32 scalar
 * @param gradients by parameter, of the sum over the samples of the batch
 */
export function placeSummation(
  b: GraphBuilder,
  samples: Value,
  parameters: readonly Value[],
  gradients: ReadonlyMap<string, Value>,
): Update {
  const before = placeSums(b, parameters);
  const next = before.sums.map((sum, i) => b.add(sum, gradients.get(parameters[i].name)!));
  return {
    inputs: [before.samples, ...before.sums],
    outputs: [
      b.identity(b.add(before.samples, samples), `${SAMPLES}.next`),
      ...next.map((sum, i) => b.identity(sum, `${before.sums[i].name}.next`)),
    ],
  };
}

/** The optimizer's step with the mean gradient over the summed samples. Resets the sums to zero. */
export function placeSummedUpdate(
  b: GraphBuilder,
  network: Inference,
  plan: TrainingPlan,
  parameters: readonly Value<readonly number[]>[],
): Update {
  const { samples, sums } = placeSums(b, parameters);
  const means = new Map(parameters.map(({ name }, i) => [name, b.div(sums[i], samples)]));
  const update = placeUpdate(b, network, plan, parameters, means);
  return {
    inputs: [samples, ...sums, ...update.inputs],
    outputs: [...update.outputs, ...[samples, ...sums].map((sum) => b.identity(b.mul(sum, 0), `${sum.name}.next`))],
  };
}

// --- averages --------------------------------------------------------------------------------------------------------

/** The state with the moving average of a parameter or statistic, and the input with the weight of the new value at this update. */
export const averageOf = (name: string): string => `${name}.average`;
export const AVERAGE_WEIGHT = 'average_weight';

/** Whether a state is such an average. */
export const isAverage = (name: string): boolean => name.endsWith('.average');

/** a + w(x − a): moves averages towards new values. @param moved new values by name */
export function placeAverages(b: GraphBuilder, moved: ReadonlyMap<string, Value>): Update {
  const weight = b.input(AVERAGE_WEIGHT, 'float32', []);
  const before = new Map([...moved].map(([name, { type, shape }]) => [name, b.input(averageOf(name), type, shape)]));
  const outputs = [...before].map(([name, a]) =>
    b.identity(b.add(a, b.mul(b.sub(moved.get(name)!, a), weight)), `${a.name}.next`),
  );
  return { inputs: [weight, ...before.values()], outputs };
}
