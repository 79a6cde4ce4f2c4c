import { ThawError } from '../errors.ts';
import { listed } from '../listed.ts';
import { own } from '../own.ts';
import type { TrainSettings } from './settings.ts';

/** How often each class is among the labels. */
function classCounts(labels: readonly number[], classes: number): number[] {
  const counts = new Array<number>(classes).fill(0);
  for (const label of labels) counts[label]++;
  return counts;
}

/** n / (k · nᶜ) for k classes, as `compute_class_weight('balanced')` of scikit-learn; 1 for a class without samples. */
export const balancedWeights = (counts: readonly number[]): number[] => {
  const all = counts.reduce((sum, count) => sum + count, 0);
  return counts.map((count) => (count ? all / (counts.length * count) : 1));
};

/**
 * The settings with `classWeights` as numbers of the loss, once the data is known.
 *
 * @param labels of the training samples; undefined where the source does not tell them
 * @throws ThawError `bad-config` where a class is unknown, or the loss takes no class weights
 */
export function withClassWeights(
  settings: TrainSettings,
  labels: readonly number[] | undefined,
  classes: readonly string[],
): TrainSettings {
  const { classWeights: asked, ...rest } = settings;
  if (asked === undefined) return settings;
  if (settings.loss.name !== 'cross-entropy') {
    throw new ThawError(
      'bad-config',
      `classWeights are the cross-entropy's, and the loss is ${settings.loss.name}`,
      settings.loss.name === 'bce-with-logits' ? 'Set positiveWeights of the loss' : 'Leave them out',
    );
  }
  return { ...rest, loss: { ...settings.loss, classWeights: weightsOf(asked, labels, classes) } };
}

function weightsOf(
  asked: NonNullable<TrainSettings['classWeights']>,
  labels: readonly number[] | undefined,
  classes: readonly string[],
): number[] {
  if (asked !== 'balanced') {
    const unknown = Object.keys(asked).find((name) => !classes.includes(name));
    if (unknown === undefined) return classes.map((name) => own(asked, name) ?? 1);
    throw new ThawError(
      'bad-config',
      `classWeights: there is no class "${unknown}"`,
      `The classes are ${listed(classes)}`,
    );
  }
  if (!labels) throw new ThawError('bad-config', 'the images do not tell their classes', 'Give classWeights by name');
  return balancedWeights(classCounts(labels, classes.length));
}
