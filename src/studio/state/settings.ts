import type { TrainSettingsInput } from '../../recipe/index.ts';
import type { StudioSettings } from './types.ts';

/** How pictures are varied while they are learned. */
const VARIATIONS = {
  none: 'none',
  // Neither mirrored nor recoloured: arrows and red things stay what they are.
  gentle: {
    fill: 'edge',
    rotation: { probability: 1, degrees: [-12, 12] },
    translation: { probability: 1, fraction: [-0.06, 0.06] },
    shear: { probability: 0.5, degrees: [-8, 8] },
    resizedCrop: { probability: 0.8, scale: [0.6, 1], ratio: [0.8, 1.25] },
    brightness: { probability: 0.5, factor: [0.85, 1.15] },
  },
  photos: 'light',
  strong: 'medium',
} as const satisfies Record<StudioSettings['variation'], unknown>;

/** The embedded model is small, and the processor is enough for it. */
export const EMBEDDED_SETTINGS: StudioSettings = { epochs: 20, variation: 'gentle', preset: 'gradual', device: 'cpu' };
/** What `thaw train` does by default. */
export const OWN_SETTINGS: StudioSettings = { epochs: 10, variation: 'photos', preset: 'gradual', device: 'auto' };

export const MOST_EPOCHS = 200;

/** @param embedded its rates are those of the demo, where it learns drawings as well */
export function trainSettings(settings: StudioSettings, embedded: boolean): TrainSettingsInput {
  const { epochs, variation, preset, device } = settings;
  const rates = embedded ? { lr: 1e-2, pretrainedRate: 0.05 } : {};
  return { epochs, preset, device, augment: VARIATIONS[variation], ...rates };
}

/** A stage's selection of layers in words: `head`, `last:3`, `all`. */
export function inWords(train: string): string {
  const last = /^last:(\d+)$/.exec(train);
  if (last) return `the last ${last[1]} layer groups`;
  if (train === 'head') return 'the last layer';
  return train === 'all' ? 'all layers' : train;
}
