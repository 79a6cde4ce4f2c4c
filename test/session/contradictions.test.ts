import { expect, test } from 'vitest';
import { readSettings } from '../../src/session/index.ts';

test.each<[Record<string, unknown>, RegExp]>([
  [{ stages: [{ train: 'head', epochs: 1 }], trainable: 'all' }, /^stages and trainable: /],
  [{ trainable: 'all', thaw: ['head', 'all'] }, /^trainable and thaw: /],
  [{ preset: 'lp-ft', thaw: ['head', 'all'] }, /^preset lp-ft and thaw: thaw is of the preset gradual/],
  [{ preset: 'full', thawBy: 2 }, /^preset full and thawBy: /],
  [{ thaw: ['head', 'all'], thawBy: 2 }, /^thaw and thawBy: /],
  [{ preset: 'gradual', thawMost: 4 }, /^thawMost has no effect without thawBy/],
  [{ loss: 'focal', labelSmoothing: 0.1 }, /^setting loss\.labelSmoothing: focal takes gamma, alpha/],
  [{ loss: { name: 'mse', margin: 1 } }, /^setting loss\.margin: mse takes mask/],
  [{ loss: { name: 'cross-entropy', mask: true } }, /^setting loss\.mask: .* does not need it/],
  [{ loss: { name: 'cross-entropy', axis: 1 } }, /^setting loss\.axis: /],
  [{ loss: { name: 'focal', kind: 'softmax' }, mixup: 0.2 }, /^setting loss\.kind: .* mixup blends labels/],
  [{ loss: { name: 'focal', kind: 'softmax' }, task: 'multi-label' }, /^setting loss\.kind: .* multi-label/],
  [{ optimizer: 'sgd', amsgrad: true }, /^setting optimizer\.amsgrad: sgd takes/],
  [{ target: 95 }, /^setting target: classification is measured from 0 to 1, and 95 is above/],
])('%j is refused', (settings, said) => {
  expect(() => readSettings(settings)).toThrow(said);
});

test.each<Record<string, unknown>>([
  { thaw: ['head', 'all'] },
  { thawBy: 2, thawMost: 4 },
  { preset: 'lp-ft' },
  { loss: { name: 'cross-entropy', labelSmoothing: 0.2 } },
  { loss: { name: 'focal', gamma: 1 } },
  { loss: { name: 'focal', kind: 'softmax', classWeights: [1, 2] } },
])('%j is accepted', (settings) => {
  expect(readSettings(settings)).toMatchObject(settings);
});

test('amsgrad is an option of the optimizer', () => {
  expect(readSettings({ amsgrad: true }).optimizer).toEqual({ name: 'adamw', amsgrad: true });
});

test.each<[Record<string, unknown>, RegExp]>([
  [{ schedule: 'multi-step' }, /^setting schedule\.at: it must be given: the epochs after which the rate falls/],
  [{ epochs: '3' }, /^setting epochs: it takes a number, not "3"$/],
  [{ preset: 'best' }, /^setting preset: it takes adaptive, gradual, head-only, full, fastai or lp-ft, not "best"$/],
])('%j is refused in plain words', (settings, said) => {
  expect(() => readSettings(settings)).toThrow(said);
});
