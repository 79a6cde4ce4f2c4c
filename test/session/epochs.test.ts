import { expect, test } from 'vitest';
import { readSettings, type TrainSettingsInput, withEpochs } from '../../src/session/index.ts';

test.each<[TrainSettingsInput, samples: number, classes: number, epochs: number | undefined]>([
  [{ preset: 'gradual' }, 10_000, 10, 10],
  [{ preset: 'gradual' }, 244, 2, 10],
  // With 30 images per class, ten epochs show 300 images per class. One image less adds an epoch.
  [{ preset: 'gradual' }, 300, 10, 10],
  [{ preset: 'gradual' }, 299, 10, 11],
  [{ preset: 'gradual' }, 360, 18, 15],
  [{ preset: 'gradual' }, 180, 18, 30],
  [{ preset: 'gradual' }, 4, 2, 30],
  [{ preset: 'fastai' }, 360, 18, 15],
  // Numbers are not classes.
  [{ preset: 'gradual' }, 40, 0, 10],
  // An adaptive plan decides during the training.
  [{}, 180, 18, undefined],
  [{ epochs: 4 }, 180, 18, 4],
  [{ stages: [{ train: 'head', epochs: 2 }] }, 180, 18, undefined],
])('%j with %i images of %i classes: %s epochs', (settings, samples, classes, epochs) => {
  expect(withEpochs(readSettings(settings), samples, classes).epochs).toBe(epochs);
});
