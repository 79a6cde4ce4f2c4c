import { isAdaptive, usualEpochs } from '../training/index.ts';
import { type TrainSettings, trainingConfigOf } from './settings.ts';

/**
 * The settings with a number of epochs, once the data is known: ten, or more if ten would show few images of each class. Unchanged if they
 * give epochs or stages.
 *
 * @param samples to train on
 * @param classes to distinguish; 0 if there are none
 */
export function withEpochs(settings: TrainSettings, samples: number, classes: number): TrainSettings {
  if (settings.epochs !== undefined || settings.stages) return settings;
  if (isAdaptive(trainingConfigOf(settings))) return settings;
  return { ...settings, epochs: usualEpochs(samples, classes) };
}
