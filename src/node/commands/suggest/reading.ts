import type { Sample } from '../../../data/index.ts';
import type { FeatureBatch, Predictor } from '../../../session/index.ts';
import {
  type Doubt,
  doubtBetweenClasses,
  doubtOfLabels,
  normalize,
  Projection,
  rowOf,
  type Vectors,
} from '../../../suggest/index.ts';
import type { ClassOutcome, LabelsOutcome, Task, TaskOutcome } from '../../../tasks/index.ts';
import type { JobHooks } from '../events.ts';
import { plainSource } from '../inputs.ts';

/** Numbers of all features. More are projected to fewer dimensions: 100,000 images with 1280 features take 51 MB instead of 512 MB. */
const MOST_FEATURES = 2 ** 24;
const PROJECTED = 128;

interface Read {
  /** Indices of the samples that could be read. */
  readonly read: readonly number[];
  readonly doubts?: readonly Doubt[];
  readonly features?: Vectors;
}

/** Reads samples through the model. Keeps a few numbers of each. */
export class Reading {
  private readonly doubts: Doubt[] = [];
  private readonly values: Float32Array;
  private readonly projection: Projection | undefined;
  private readonly size: number;
  private done = 0;

  /** @param like has the same projection */
  constructor(
    private readonly predictor: Predictor,
    private readonly samples: readonly Sample[],
    private readonly hooks: JobHooks,
    like?: Reading,
  ) {
    const size = predictor.parts.features?.size ?? 0;
    const isLarge = size > PROJECTED && size * samples.length > MOST_FEATURES;
    this.projection = like ? like.projection : isLarge ? new Projection(size, PROJECTED) : undefined;
    this.size = this.projection?.to ?? size;
    this.values = new Float32Array(samples.length * this.size);
  }

  async read(wanted: { readonly doubts: boolean; readonly features: boolean }): Promise<Read> {
    const { predictor, samples, hooks, doubts, values, size } = this;
    const { format, task } = predictor.parts;
    const take = wanted.features ? (batch: FeatureBatch) => this.take(batch) : undefined;
    const read: number[] = [];
    for await (const outcomes of predictor.outcomes(plainSource(samples, format, hooks), take)) {
      hooks.signal?.throwIfAborted();
      for (const outcome of outcomes) {
        read.push(outcome.index);
        if (wanted.doubts) doubts.push(doubtOf(outcome, task));
      }
      hooks.onEvent?.({ type: 'evaluated', done: read.length, of: samples.length });
    }
    return {
      read,
      ...(wanted.doubts && { doubts }),
      ...(wanted.features && { features: { values: values.subarray(0, read.length * size), size } }),
    };
  }

  private take({ features, indices }: FeatureBatch): void {
    const size = features.length / indices.length;
    for (const [i] of indices.entries()) {
      const row = rowOf({ values: features, size }, i);
      const into = rowOf({ values: this.values, size: this.size }, this.done++);
      if (this.projection) this.projection.apply(row, into);
      else into.set(row);
      normalize(into);
    }
  }
}

/** The strategies that need it run only for tasks with classes. */
function doubtOf(outcome: TaskOutcome, { facts }: Task): Doubt {
  if (facts.task === 'multi-label') return doubtOfLabels((outcome as LabelsOutcome).probabilities, facts.thresholds);
  return doubtBetweenClasses((outcome as ClassOutcome).probabilities);
}
