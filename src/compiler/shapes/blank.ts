import {
  type DataType,
  elementCount,
  type Graph,
  isFloat,
  type Node,
  readsOf,
  subgraphs,
  type Tensor,
} from '../../onnx/index.ts';
import { SHAPE_ONLY } from './constants.ts';

/** The first of an operator's float inputs that decide shapes. All other shapes follow from integers and truth values. */
const SHAPING: Readonly<Record<string, number>> = { Resize: 1, Upsample: 1, OneHot: 1, Range: 0, Unique: 0 };

/**
 * Whether shapes are the same whatever the weights hold, so that a run on zeros tells them: nothing that is computed of weights is other
 * than float, goes into a branch or a loop, or is a size.
 *
 * @param weights names of float weights
 * @param types of the nodes' outputs
 */
export function mayBeBlank(
  { nodes }: Graph,
  weights: ReadonlySet<string>,
  types: ReadonlyMap<string, DataType>,
): boolean {
  const weighted = new Set(weights);
  for (const node of nodes) {
    if (SHAPE_ONLY.has(node.op) || !readsOf(node).some((name) => weighted.has(name))) continue;
    if (subgraphs(node).length || shapes(node, weighted)) return false;
    for (const output of node.outputs) {
      if (output === '') continue;
      const type = types.get(output);
      if (!type || !isFloat(type)) return false;
      weighted.add(output);
    }
  }
  return true;
}

const shapes = ({ op, inputs }: Node, weighted: ReadonlySet<string>): boolean =>
  Object.hasOwn(SHAPING, op) && inputs.slice(SHAPING[op]).some((name) => weighted.has(name));

/** Zeros in the shape of float32 tensors, all in the memory of the largest. */
export function blanksOf(weights: Readonly<Record<string, Tensor>>): Record<string, Tensor> {
  const counts = Object.values(weights).map(({ shape }) => elementCount(shape));
  const zeros = new Float32Array(Math.max(0, ...counts));
  return Object.fromEntries(
    Object.entries(weights).map(([name, { type, shape }]) => [
      name,
      { type, shape, data: zeros.subarray(0, elementCount(shape)) },
    ]),
  );
}
