/** Augmentation with operations drawn at random, instead of configured ones. Operations and strengths are those of torchvision. */
import type { Random } from '../../random.ts';
import type { Operation } from '../operations/index.ts';
import type { Augmentation } from './changes.ts';
import type { Chain, Move } from './draw.ts';

/** One operation at a strength from 0 to 1, with a sign of ±1 if it has two directions. */
type Step = (strength: number, sign: number) => { readonly move: Move } | { readonly operation: Operation } | undefined;

interface Reach {
  /** Tangent of the largest angle. */
  readonly shear: number;
  /** Fraction of a side. */
  readonly translation: number;
  /** In degrees. */
  readonly rotation: number;
  /** Maximum difference of a factor from 1. */
  readonly factor: number;
  /** Bits to keep at strength 0, and how many fewer at strength 1. */
  readonly bits: readonly [number, number];
}

const move = (...one: Move) => ({ move: one });
const operation = (...one: Operation) => ({ operation: one });
const angle = (tangent: number) => (Math.atan(tangent) * 180) / Math.PI;

/** The fourteen operations of AutoAugment's successors. Brightness, colour, contrast and sharpness can increase or decrease. */
function spaceOf({ shear, translation, rotation, factor, bits: [most, fewer] }: Reach): readonly Step[] {
  return [
    () => undefined,
    (strength, sign) => move('shearX', angle(sign * strength * shear)),
    (strength, sign) => move('shearY', angle(sign * strength * shear)),
    (strength, sign) => move('translationX', sign * strength * translation),
    (strength, sign) => move('translationY', sign * strength * translation),
    (strength, sign) => move('rotation', sign * strength * rotation),
    (strength, sign) => operation('brightness', 1 + sign * strength * factor),
    (strength, sign) => operation('saturation', 1 + sign * strength * factor),
    (strength, sign) => operation('contrast', 1 + sign * strength * factor),
    (strength, sign) => operation('sharpness', 1 + sign * strength * factor),
    (strength) => operation('posterize', Math.round(most - fewer * strength)),
    (strength) => operation('solarize', 255 * (1 - strength)),
    () => operation('autocontrast'),
    () => operation('equalize'),
  ];
}

/** TrivialAugment's 32 pixels, for an input 224 pixels wide. */
const WIDE = spaceOf({ shear: 0.99, translation: 32 / 224, rotation: 135, factor: 0.99, bits: [8, 6] });
const RAND = spaceOf({ shear: 0.3, translation: 150 / 331, rotation: 30, factor: 0.9, bits: [8, 4] });
/** Without the identity, because the blend includes the original image. */
const AUGMIX = spaceOf({ shear: 0.3, translation: 1 / 3, rotation: 30, factor: 0.9, bits: [4, 4] }).slice(1);

const STRENGTHS = 31;

/** Draws a sequence of steps. */
function chainOf(space: readonly Step[], count: number, strength: () => number, random: Random): Chain {
  const steps = Array.from({ length: count }, () => {
    const step = space[random.below(space.length)];
    return step(strength(), random.chance(0.5) ? -1 : 1);
  });
  return {
    moves: steps.flatMap((step) => (step && 'move' in step ? [step.move] : [])),
    operations: steps.flatMap((step) => (step && 'operation' in step ? [step.operation] : [])),
  };
}

/** Müller and Hutter, "TrivialAugment: tuning-free yet state-of-the-art data augmentation", 2021: the wide space. */
export const trivialAugment = (random: Random): Chain =>
  chainOf(WIDE, 1, () => random.below(STRENGTHS) / (STRENGTHS - 1), random);

/** Cubuk et al., "RandAugment: practical automated data augmentation with a reduced search space", 2020. */
export const randAugment = (
  { operations = 2, magnitude = 9 }: NonNullable<Augmentation['randAugment']>,
  random: Random,
): Chain => chainOf(RAND, operations, () => magnitude / (STRENGTHS - 1), random);

/**
 * Hendrycks et al., "AugMix: a simple data processing method to improve robustness and uncertainty", 2020: with m ~ Beta(α, α) and
 * w ~ Dirichlet(α, …, α), (1 − m)·x + m·Σ wᵢ·chainᵢ(x).
 */
export function augMix(
  { severity = 3, width = 3, alpha = 1 }: NonNullable<Augmentation['augMix']>,
  random: Random,
): readonly (Chain & { readonly weight: number })[] {
  const share = random.beta(alpha, alpha);
  const weights = random.dirichlet(alpha, width);
  const chains = weights.map((weight) => ({
    weight: share * weight,
    // Ten strengths; the first `severity` of them are used.
    ...chainOf(AUGMIX, 1 + random.below(3), () => random.below(severity) / 9, random),
  }));
  return [{ weight: 1 - share, moves: [], operations: [] }, ...chains];
}
