import type { BatchSource } from '../data/index.ts';
import { type Loadable, loadSession, type Runtime } from '../runtime/index.ts';
import type { Task, TaskOutcome } from '../tasks/index.ts';
import { type FedModel, feedsOf } from './feeds.ts';

export interface VerifyOptions<O extends TaskOutcome> extends FedModel {
  readonly model: Loadable;
  readonly runtime: Runtime;
  readonly source: BatchSource;
  readonly batchSize: number;
  /** Indices of the samples to compare; all unless given. */
  readonly only?: readonly number[];
  readonly task: Pick<Task<O>, 'outcomes' | 'difference' | 'same'>;
  /** The trainer's outcomes for every sample of the source. */
  readonly expected: readonly O[];
  readonly output: string;
  /** Largest allowed difference. */
  readonly tolerance?: number;
  /** See `SessionOptions`. */
  readonly integerKernels?: boolean;
}

export interface Verification {
  readonly samples: number;
  /** Largest difference of a probability, or of another score of the task. */
  readonly maxDifference: number;
  /** Share of the samples with the same answer, 0 to 1. */
  readonly agreement: number;
  /** Whether the largest difference is within the tolerance. If it is not, Thaw or the runtime has a bug. */
  readonly holds: boolean;
}

/** Runs a model on a source and compares its outcomes with the trainer's. Unreadable samples are skipped. */
export async function verifyExport<O extends TaskOutcome>(options: VerifyOptions<O>): Promise<Verification> {
  const { model, runtime, source, task, batchSize, only, output, tolerance = 1e-3, integerKernels } = options;
  const expected = new Map(options.expected.map((prediction) => [prediction.index, prediction]));
  // No spinning threads, because images may be decoded at the same time.
  const session = await loadSession(runtime, model, { spinning: false, integerKernels });
  let maxDifference = 0;
  let same = 0;
  let samples = 0;
  try {
    for await (const batch of source.batches({ epoch: 0, batchSize, only })) {
      const { [output]: scores } = await session.run(feedsOf(batch, options), [output]);
      for (const got of task.outcomes(scores.data as Float32Array, batch, 'model')) {
        const wanted = expected.get(got.index);
        if (!wanted) continue;
        samples++;
        if (task.same(got, wanted)) same++;
        maxDifference = Math.max(maxDifference, task.difference(got, wanted));
      }
    }
  } finally {
    await session.release();
  }
  return { samples, maxDifference, agreement: samples === 0 ? 1 : same / samples, holds: maxDifference <= tolerance };
}
