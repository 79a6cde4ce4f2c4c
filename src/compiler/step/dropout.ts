import { type GraphBuilder, type Node, type Tensor, tensor, type Value } from '../../onnx/index.ts';
import type { DropoutPlan, TrainingPlan } from './plan.ts';

/** The name by which plans refer to a node. */
export const nameOf = (node: Node): string => node.name || node.outputs[0];

/** A dropout in front of a node, and its place in the plan. */
export interface PlacedDropout {
  readonly entry: DropoutPlan;
  readonly at: number;
}

/** The plan's dropouts in front of each node, by its name. */
export function dropoutsByNode({ dropout: all = [] }: TrainingPlan): ReadonlyMap<string, readonly PlacedDropout[]> {
  const found = new Map<string, PlacedDropout[]>();
  all.forEach((entry, at) => {
    for (const name of entry.into) {
      const known = found.get(name);
      if (known) known.push({ entry, at });
      else found.set(name, [{ entry, at }]);
    }
  });
  return found;
}

/**
 * y = x·kept / (1 − rate) and kept = 1[noise ≥ rate]. The noise is an input of the graph.
 *
 * @param noise all such inputs so far; the new one is added
 */
export function drop(
  b: GraphBuilder,
  x: Value,
  { value, rate, whole }: Pick<DropoutPlan, 'value' | 'rate' | 'whole'>,
  noise: Value[],
): { readonly y: Value; readonly kept: Value } {
  const name = b.has(`${value}.noise`) ? `${value}.${noise.length}.noise` : `${value}.noise`;
  const drawn = b.input(name, 'float32', whole ? x.shape.map((d, i) => (i === 0 ? d : 1)) : x.shape);
  noise.push(drawn);
  const kept = b.greaterOrEqual(drawn, b.constant(scalar(rate)));
  return { y: b.mul(x, b.mul(b.cast(kept, 'float32'), 1 / (1 - rate))), kept };
}

const scalar = (value: number): Tensor => tensor('float32', [], Float32Array.of(value));
