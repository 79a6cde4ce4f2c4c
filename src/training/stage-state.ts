import { fromStored, type Stored, toStored } from '../compiler/kernels/index.ts';
import type { Inference } from '../compiler/shapes/index.ts';
import {
  averageOf,
  replaceable,
  SAMPLES,
  type StepModels,
  slotsOf,
  sumOf,
  type TrainingPlan,
} from '../compiler/step/index.ts';
import { elementCount, type Tensor, tensor } from '../onnx/index.ts';
import { copyTensor, type Layout, nextOf } from '../runtime/index.ts';
import { checkTensor } from './checkpoint-check.ts';

/** The state that a stage needs and leaves: parameters, `<parameter>.<slot>`, moving statistics, by name. */
export type StageState = ReadonlyMap<string, Tensor>;

/** Blocks for the sessions, the standard order for everybody else. */
export function layoutOf(blocks: ReadonlyMap<string, Stored>): Layout {
  const by = (move: (tensor: Tensor, as: Stored) => Tensor) => (name: string, tensor: Tensor) => {
    const as = blocks.get(name);
    return as ? move(tensor, as) : copyTensor(tensor);
  };
  return { into: by(toStored), from: by(fromStored) };
}

/** State that all models that change it may write in its place. */
export function replaceableIn({ step, update, inPlace }: StepModels): Set<string> {
  const sets = [step, ...(update ? [update] : [])].map((model) => ({
    names: new Set([...replaceable(model.graph), ...(model === step ? inPlace : [])]),
    written: new Set(model.graph.outputs.map((o) => o.name)),
  }));
  const all = sets.flatMap(({ names }) => [...names]);
  return new Set(
    all.filter((name) => sets.every(({ names, written }) => names.has(name) || !written.has(nextOf(name)))),
  );
}

/**
 * The state that a stage begins with: the inputs of its step that are parameters or statistics, and the state of its optimizer.
 *
 * @param carried state of earlier stages. Parameters that it lacks begin at the model's value, slots at zero.
 */
export function initialState(
  network: Inference,
  plan: TrainingPlan,
  inputs: readonly string[],
  carried: StageState,
): StageState {
  const state = new Map<string, Tensor>();
  const { initializers } = network.model.graph;
  const zeros = (key: string, shape: readonly number[]) => {
    const kept = carried.get(key);
    if (kept) checkTensor(key, kept, { type: 'float32', shape });
    state.set(key, kept ?? tensor('float32', shape, new Float32Array(elementCount(shape))));
  };
  for (const name of inputs) {
    const initial = initializers.get(name);
    if (initial) state.set(name, carried.get(name) ?? initial);
  }
  const moving = [...state];
  for (const name of plan.trainable) {
    const { shape } = initializers.get(name)!;
    for (const [slot, slotShape] of Object.entries(slotsOf(plan, shape))) zeros(`${name}.${slot}`, slotShape);
    if (plan.accumulate) zeros(sumOf(name), shape);
  }
  if (plan.accumulate) zeros(SAMPLES, []);
  if (plan.average)
    for (const [name, value] of moving) state.set(averageOf(name), carried.get(averageOf(name)) ?? value);
  return state;
}
