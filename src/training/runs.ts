import type { Batch } from '../data/index.ts';
import { product, type Tensor, tensor } from '../onnx/index.ts';

/** Groups batches for the runs of a session. The batches of a run have one size. @param most the most batches of the next run */
export async function* inRuns(batches: AsyncIterable<Batch>, most: () => number): AsyncGenerator<readonly Batch[]> {
  let run: Batch[] = [];
  let room = 0;
  for await (const batch of batches) {
    if (run.length && sizeOfRows(batch) !== sizeOfRows(run[0])) {
      yield run;
      run = [];
    }
    if (!run.length) room = most();
    run.push(batch);
    if (run.length < room) continue;
    yield run;
    run = [];
  }
  if (run.length) yield run;
}

const sizeOfRows = ({ labels, sizes }: Batch): string => JSON.stringify([labels.length, sizes]);

type Named = Readonly<Record<string, Tensor>>;

/** Tensors of several steps, one after the other: `[steps, …]`. */
export function stacked(steps: readonly Named[]): Record<string, Tensor> {
  return Object.fromEntries(
    Object.entries(steps[0]).map(([name, { type, shape, data }]) => {
      const all = new (data.constructor as Float32ArrayConstructor)(steps.length * data.length);
      steps.forEach((step, i) => {
        all.set(step[name].data as Float32Array, i * data.length);
      });
      return [name, { type, shape: [steps.length, ...shape], data: all }];
    }),
  );
}

/** The tensors of one step out of stacked ones. */
export const unstacked = (all: Named, step: number): Record<string, Tensor> =>
  Object.fromEntries(
    Object.entries(all).map(([name, { type, shape, data }]) => {
      const each = product(shape.slice(1)) as number;
      return [name, tensor(type, shape.slice(1), data.slice(step * each, (step + 1) * each) as Float32Array)];
    }),
  );
