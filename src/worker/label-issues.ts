/** Finds labels of a training that are probably wrong. */
import { findLabelIssues, outOfFoldProbabilities } from '../cleaning/index.ts';
import type { Sample } from '../data/index.ts';
import { ThawError } from '../errors.ts';
import { type FeatureBatch, joinBatches } from '../session/index.ts';
import type { LabelIssue } from './protocol.ts';

/** Samples times classes up to which a page is not kept busy for more than minutes. */
const MOST = 2e6;

export interface SearchOptions {
  /** Awaited after each batch. */
  readonly giveWay: () => Promise<void>;
  /** Ends the search. */
  readonly signal: AbortSignal;
}

/** The features of a data set, batch by batch. */
export interface Features {
  readonly samples: readonly Sample[];
  readonly classes: readonly string[];
  readonly batches: AsyncIterable<FeatureBatch>;
  /** Length of a sample's features. */
  readonly size: number;
}

/**
 * Compares each label with a classifier over the features that did not learn from this sample (confident learning).
 *
 * @returns the least plausible label first
 * @throws ThawError `bad-data` if there are too many samples and classes; the reason of `signal`
 */
export async function labelIssues(
  { samples, classes, batches, size }: Features,
  { giveWay, signal }: SearchOptions,
): Promise<readonly LabelIssue[]> {
  if (samples.length * classes.length > MOST) {
    const many = `${samples.length} samples of ${classes.length} classes would take too long to check here`;
    throw new ThawError('bad-data', many, 'Check fewer samples or classes at a time, or run thaw clean');
  }
  const { features, indices, labels } = await joinBatches(batches, async () => {
    await giveWay();
    signal.throwIfAborted();
  });
  const data = { features, size, labels, classes: classes.length };
  const probabilities = await outOfFoldProbabilities(data, { signal });
  const { issues, predicted } = findLabelIssues({ ...data, probabilities });
  return issues.map((i) => ({
    sample: Number(samples[indices[i]].file),
    label: classes[labels[i]],
    likely: classes[predicted[i]],
    probability: probabilities[i * classes.length + predicted[i]],
  }));
}
