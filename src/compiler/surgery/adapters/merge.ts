import { elementCount, type Tensor, tensor } from '../../../onnx/index.ts';
import { adapterNames } from './names.ts';
import { type LoraOptions, scaleOf } from './targets.ts';

const DOWN = adapterNames('').a;

/** The weights that have an adapter in `state`. */
export const adaptedWeights = (state: ReadonlyMap<string, Tensor>): string[] =>
  [...state.keys()].filter((name) => name.endsWith(DOWN)).map((name) => name.slice(0, -DOWN.length));

/**
 * Merges each adapter into its weight, W + α/r · BA, and removes adapters and their optimizer state.
 *
 * @param weightOf a weight's value in float32, if it is not in `state`
 */
export function mergeAdapters(
  state: ReadonlyMap<string, Tensor>,
  weightOf: (name: string) => Tensor | undefined,
  options: Pick<LoraOptions, 'rank' | 'alpha'>,
): Map<string, Tensor> {
  const merged = new Map(state);
  for (const weight of adaptedWeights(state)) {
    const { a, b } = adapterNames(weight);
    const before = state.get(weight) ?? weightOf(weight);
    const [down, up] = [state.get(a), state.get(b)];
    if (!before || !down || !up) throw new Error(`the adapter of "${weight}" lacks one of its tensors`);
    for (const name of [...state.keys()])
      if (name === a || name === b || name.startsWith(`${a}.`) || name.startsWith(`${b}.`)) merged.delete(name);
    merged.set(weight, withAdapter(before, down, up, scaleOf(options)));
  }
  return merged;
}

/** W + s · BA, or W + s · AB if W is stored as [inputs, outputs]; for a grouped convolution, group by group. */
export function withAdapter(weight: Tensor, a: Tensor, b: Tensor, scale: number): Tensor {
  const rows = weight.shape[0];
  const columns = elementCount(weight.shape.slice(1));
  const outputsFirst = b.shape[0] === rows && elementCount(a.shape.slice(1)) === columns;
  const [left, right] = outputsFirst ? [b, a] : [a, b];
  const rank = elementCount(left.shape) / rows;
  const group = elementCount(right.shape) / (rank * columns);
  const [w, l, r] = [weight, left, right].map(({ data }) => data as Float32Array);
  const sum = new Float32Array(w.length);
  const row = new Float64Array(columns);
  for (let i = 0; i < rows; i++) {
    row.fill(0);
    const block = Math.floor((i * group) / rows) * rank;
    for (let k = 0; k < rank; k++) {
      const factor = l[i * rank + k] * scale;
      const from = (block + k) * columns;
      for (let j = 0; j < columns; j++) row[j] += factor * r[from + j];
    }
    for (let j = 0; j < columns; j++) sum[i * columns + j] = w[i * columns + j] + row[j];
  }
  return tensor('float32', weight.shape, sum);
}
