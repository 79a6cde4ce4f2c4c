import type { TrainingSettings } from '../../session/index.ts';
import type { ModelKind, StudioSettings } from './types.ts';

/** How images are varied while they are learned. */
const VARIATIONS = {
  none: 'none',
  // Neither mirrored nor recoloured: arrows and red things stay what they are.
  gentle: 'drawings',
  photos: 'light',
  strong: 'medium',
} as const satisfies Record<StudioSettings['variation'], unknown>;

/** The embedded model is small, and the processor is enough for it. */
export const EMBEDDED_SETTINGS: StudioSettings = { epochs: 20, variation: 'gentle', preset: 'gradual', device: 'cpu' };
/** What `thaw train` does by default. */
export const OWN_SETTINGS: StudioSettings = { epochs: 10, variation: 'photos', preset: 'gradual', device: 'auto' };

/** The settings of a model until somebody changes them. */
export const usualSettings = (kind: ModelKind): StudioSettings =>
  kind === 'drawings' ? EMBEDDED_SETTINGS : OWN_SETTINGS;

export const MOST_EPOCHS = 200;

/** Other settings are those that the model recommends, except for views: a page has less time than a command. */
export function trainSettings({ epochs, variation, preset, device }: StudioSettings): TrainingSettings {
  return { epochs, preset, device, augment: VARIATIONS[variation], views: 'auto' };
}

/** A stage's selection of layers in words: `head`, `last:3`, `all`. */
export function inWords(train: string): string {
  const last = /^last:(\d+)$/.exec(train);
  if (last) return `the last ${last[1]} layer groups`;
  if (train === 'head') return 'the last layer';
  return train === 'all' ? 'all layers' : train;
}
