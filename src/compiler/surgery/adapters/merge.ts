import { changedFloats, elementCount, type Tensor } from '../../../onnx/index.ts';
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

/**
 * W + s · BA, or W + s · AB if W is stored as [inputs, outputs]; for a grouped convolution, group by group. If W is in a file, the sum is
 * computed when it is read.
 */
export function withAdapter(weight: Tensor, a: Tensor, b: Tensor, scale: number): Tensor {
  const rows = weight.shape[0];
  const columns = elementCount(weight.shape.slice(1));
  const outputsFirst = b.shape[0] === rows && elementCount(a.shape.slice(1)) === columns;
  const [left, right] = outputsFirst ? [b, a] : [a, b];
  const rank = elementCount(left.shape) / rows;
  const group = elementCount(right.shape) / (rank * columns);
  const [l, r] = [left, right].map(({ data }) => data as Float32Array);
  const row = new Float64Array(columns);
  /** The product's numbers of a row, from a column on. */
  const productOf = (i: number, from: number, to: number) => {
    row.fill(0, from, to);
    const block = Math.floor((i * group) / rows) * rank;
    for (let k = 0; k < rank; k++) {
      const factor = l[i * rank + k] * scale;
      const start = (block + k) * columns;
      for (let j = from; j < to; j++) row[j] += factor * r[start + j];
    }
  };
  return changedFloats(weight, (numbers, first) => {
    for (let done = 0; done < numbers.length; ) {
      const i = Math.floor((first + done) / columns);
      const from = first + done - i * columns;
      const to = Math.min(columns, from + numbers.length - done);
      productOf(i, from, to);
      for (let j = from; j < to; j++) numbers[done++] += row[j];
    }
  });
}
