import { ThawError } from '../../errors.ts';
import { nearestHint } from '../../nearest.ts';
import { firstIssue, plainWords } from '../../schema-words.ts';
import { type Augmentation, changesSchema } from './changes.ts';

const light: Augmentation = {
  resizedCrop: { probability: 1, scale: [0.15, 1], ratio: [3 / 4, 4 / 3] },
  horizontalFlip: { probability: 0.5 },
  brightness: { probability: 0.5, factor: [0.8, 1.2] },
  contrast: { probability: 0.5, factor: [0.8, 1.2] },
  saturation: { probability: 0.5, factor: [0.8, 1.2] },
};
const medium: Augmentation = {
  ...light,
  fill: 'edge',
  resizedCrop: { probability: 1, scale: [0.1, 1], ratio: [3 / 4, 4 / 3] },
  rotation: { probability: 0.5, degrees: [-15, 15] },
  brightness: { probability: 0.7, factor: [0.7, 1.3] },
  contrast: { probability: 0.7, factor: [0.7, 1.3] },
  saturation: { probability: 0.7, factor: [0.6, 1.4] },
  hue: { probability: 0.3, degrees: [-10, 10] },
  erasing: { probability: 0.2, area: [0.02, 0.15], ratio: [0.3, 3.3] },
};
const heavy: Augmentation = {
  ...medium,
  rotation: { probability: 0.7, degrees: [-30, 30] },
  shear: { probability: 0.3, degrees: [-10, 10] },
  translation: { probability: 0.3, fraction: [-0.1, 0.1] },
  perspective: { probability: 0.2, distortion: 0.3 },
  brightness: { probability: 0.8, factor: [0.5, 1.5] },
  contrast: { probability: 0.8, factor: [0.5, 1.5] },
  saturation: { probability: 0.8, factor: [0.3, 1.7] },
  hue: { probability: 0.5, degrees: [-25, 25] },
  greyscale: { probability: 0.1 },
  sharpness: { probability: 0.2, factor: [0, 3] },
  blur: { probability: 0.2, sigma: [0.3, 2] },
  noise: { probability: 0.1, sigma: [0.01, 0.06] },
  erasing: { probability: 0.4, area: [0.02, 0.3], ratio: [0.3, 3.3] },
};
const auto: Augmentation = {
  resizedCrop: light.resizedCrop,
  horizontalFlip: light.horizontalFlip,
  trivialAugment: { probability: 1 },
  erasing: { probability: 0.1, area: [0.02, 0.15], ratio: [0.3, 3.3] },
};
/** Position and angle matter little in a drawing, but mirroring and colour can change its meaning, as in arrows and signs. */
const drawings: Augmentation = {
  fill: 'edge',
  resizedCrop: { probability: 0.8, scale: [0.6, 1], ratio: [0.8, 1.25] },
  shear: { probability: 0.7, degrees: [-10, 10] },
  rotation: { probability: 1, degrees: [-15, 15] },
  translation: { probability: 1, fraction: [-0.06, 0.06] },
  blur: { probability: 0.2, sigma: [0.4, 1.2] },
  brightness: light.brightness,
  contrast: light.contrast,
};

/**
 * `light` fits 10 to 200 photographs per class; `drawings` fits drawings, icons and signs; `auto` needs no tuning, but long trainings. No
 * policy flips images upside down.
 */
export const augmentationPolicies: Readonly<Record<string, Augmentation>> = {
  none: {},
  light,
  medium,
  heavy,
  auto,
  drawings,
};

/**
 * A policy by name, or a configuration, which is checked. A configuration can extend a policy: `{ policy: 'light', … }`.
 *
 * @throws {ThawError} `bad-config` with the field
 */
export function readAugmentation(value: unknown = 'light'): Augmentation {
  if (typeof value === 'string') {
    if (Object.hasOwn(augmentationPolicies, value)) return augmentationPolicies[value];
    throw new ThawError(
      'bad-config',
      `unknown augmentation policy "${value}"`,
      nearestHint(value, Object.keys(augmentationPolicies)),
    );
  }
  if (typeof value === 'object' && value !== null && 'policy' in value) {
    const { policy, ...changes } = value;
    return { ...readAugmentation(String(policy)), ...readAugmentation(changes) };
  }
  const result = changesSchema.safeParse(value, { error: plainWords });
  if (result.success) return result.data;
  const { where, words } = firstIssue(result.error);
  throw new ThawError('bad-config', `setting augment${where && `.${where}`}: ${words}`, 'See docs/configuration.md');
}
