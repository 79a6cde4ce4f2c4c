import { expect, test } from 'vitest';
import { readSettings, type TrainSettingsInput, withEpochs } from '../../src/session/index.ts';

test.each<[TrainSettingsInput, samples: number, classes: number, epochs: number | undefined]>([
  [{}, 10_000, 10, 10],
  [{}, 244, 2, 10],
  // 30 images a class are shown 300 times in ten epochs; one less of them all makes an epoch more.
  [{}, 300, 10, 10],
  [{}, 299, 10, 11],
  [{}, 360, 18, 15],
  [{}, 180, 18, 30],
  [{}, 4, 2, 30],
  [{ preset: 'fastai' }, 360, 18, 15],
  // Numbers are no classes.
  [{}, 40, 0, 10],
  [{ epochs: 4 }, 180, 18, 4],
  [{ stages: [{ train: 'head', epochs: 2 }] }, 180, 18, undefined],
])('%j with %i images of %i classes: %s epochs', (settings, samples, classes, epochs) => {
  expect(withEpochs(readSettings(settings), samples, classes).epochs).toBe(epochs);
});
