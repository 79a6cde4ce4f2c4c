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

/** The position of an operator's first float input that decides shapes. All other shapes follow from integers and booleans. */
const SHAPING: Readonly<Record<string, number>> = { Resize: 1, Upsample: 1, OneHot: 1, Range: 0, Unique: 0 };

/**
 * Whether shapes are independent of the weights' contents, so that a run on zeros finds them: values computed from weights are
 * all floats, and none of them is a size or enters a branch or a loop.
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

/** Zeros in the shapes of float32 tensors, all in the memory of the largest. */
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
