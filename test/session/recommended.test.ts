import { expect, test } from 'vitest';
import { readSettings, recommendationOf, type TrainSettingsInput, withRecommended } from '../../src/session/index.ts';

const recommending = (training: unknown) => ({ id2label: {}, thaw: { temperature: 1.2, training } });

test.each<[string, unknown, TrainSettingsInput, TrainSettingsInput]>([
  ['what nobody says', { views: 0, lr: 0.01 }, {}, { views: 0, lr: 0.01 }],
  ['not what the user says', { views: 0, lr: 0.01 }, { lr: 0.003 }, { views: 0 }],
  ['not what the user says, where that is the default', { augment: 'medium' }, { augment: 'light' }, {}],
  ['what the user leaves undefined', { lr: 0.01 }, { lr: undefined }, { lr: 0.01 }],
  ['a whole augmentation, and no part of it', { augment: { policy: 'light', fill: 'edge' } }, { augment: 'none' }, {}],
])('a model gives %s', (_, training, given, taken) => {
  const { settings, recommended } = withRecommended(given, recommending(training));
  expect(recommended).toEqual(taken);
  expect(settings).toEqual(readSettings({ ...given, ...taken }));
});

test.each([undefined, null, {}, { thaw: null }, { thaw: { temperature: 2 } }, { thaw: 'x' }, recommending({})])(
  '%j recommends nothing',
  (config) => {
    expect(withRecommended({ lr: 0.1 }, config)).toEqual({ settings: readSettings({ lr: 0.1 }), recommended: {} });
  },
);

test.each([
  [{ lr: -1 }, 'config.json: thaw.training.lr: it takes a number above 0, not -1. Fix it there, or set lr yourself'],
  [{ views: 'many' }, 'config.json: thaw.training.views: it takes auto or a number, not "many"'],
  [{ augment: 'wild' }, 'config.json: thaw.training.augment: unknown augmentation policy "wild"'],
  [{ augment: { rotation: { degrees: [0, 1] } } }, 'config.json: thaw.training.augment: rotation.probability'],
  [{ device: 'cuda' }, 'config.json: thaw.training.device is nothing that a model recommends. It may say augment'],
  [['lr'], 'config.json: thaw.training is ["lr"], and no settings'],
  ['light', 'config.json: thaw.training is "light", and no settings'],
  [null, 'config.json: thaw.training is null, and no settings'],
])('%j is refused', (training, line) => {
  const attempt = () => withRecommended({}, recommending(training));
  expect(attempt).toThrow(expect.objectContaining({ code: 'bad-config', line: expect.stringContaining(line) }));
});

test('an invalid recommendation is ignored if the user sets another value', () => {
  expect(withRecommended({ lr: 0.1 }, recommending({ lr: 'fast', views: 0 })).recommended).toEqual({ views: 0 });
});

test.each<[TrainSettingsInput, unknown]>([
  [{}, undefined],
  [{ epochs: 50, seed: 3, device: 'cpu', preset: 'full' }, undefined],
  [{ augment: 'light', views: 'auto' }, undefined],
  [
    { augment: { rotation: { probability: 1, degrees: [0, 9] } }, lr: 0.01, batch: 8 },
    { augment: { rotation: { probability: 1, degrees: [0, 9] } }, lr: 0.01 },
  ],
])('a model trained with %j recommends %j', (given, recommendation) => {
  expect(recommendationOf(readSettings(given))).toEqual(recommendation);
});
