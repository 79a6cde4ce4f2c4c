import type { TrainSettings } from './settings.ts';

/** Epochs of a plan that does not say how many; docs/defaults.md has the experiments. */
const EPOCHS = { least: 10, most: 30 };
/** How often images of a class should be shown, on average, for a new head to learn it. */
const SHOWN = 300;

/**
 * The settings with a number of epochs, once the data is known: ten, or more if ten would show few images of each class. Unchanged if they
 * give epochs or stages.
 *
 * @param samples to train on
 * @param classes to distinguish; 0 if there are none
 */
export function withEpochs(settings: TrainSettings, samples: number, classes: number): TrainSettings {
  if (settings.epochs !== undefined || settings.stages) return settings;
  const wanted = Math.ceil((SHOWN * classes) / Math.max(1, samples));
  return { ...settings, epochs: Math.min(Math.max(wanted, EPOCHS.least), EPOCHS.most) };
}
