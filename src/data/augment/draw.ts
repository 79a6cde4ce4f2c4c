/** Draws the augmentation of one image in one epoch. Drawing is separate from applying it, so that all platforms draw the same. */

import type { Random } from '../../random.ts';
import { CHANNEL_ORDERS, type Operation } from '../operations/index.ts';
import { augMix, randAugment, trivialAugment } from './automatic.ts';
import type { Augmentation } from './changes.ts';

/** One movement about the input's centre: an angle in degrees (anticlockwise), a fraction of a side, or an enlargement factor. */
export type Move = readonly [
  kind: 'rotation' | 'shearX' | 'shearY' | 'translationX' | 'translationY' | 'zoom',
  by: number,
];

/** Moves, followed by operations. */
export interface Chain {
  readonly moves: readonly Move[];
  readonly operations: readonly Operation[];
}

/** The augmentation of one image. All values are relative, so they fit any image and input size. */
export interface AugmentationDraw extends Chain {
  /** Anticlockwise, before everything else: 0 to 3. */
  readonly quarterTurns: number;
  /** Fraction of the area, aspect ratio relative to the input's, and position from 0 (left, top) to 1. */
  readonly crop?: { readonly scale: number; readonly ratio: number; readonly x: number; readonly y: number };
  readonly horizontalFlip: boolean;
  readonly verticalFlip: boolean;
  /** Fill for areas that moves bring into view. */
  readonly fill: 'mean' | 'edge';
  /** Inward movement of each corner: x and y as fractions of the sides, clockwise from the top left. */
  readonly perspective?: readonly number[];
  readonly elastic?: { readonly alpha: number; readonly sigma: number; readonly seed: number };
  /** Standard deviation in pixels, 0 for none. */
  readonly blur: number;
  /** Weighted copies of the image to blend. Each has its own chain, applied before `operations`. */
  readonly mix?: readonly (Chain & { readonly weight: number })[];
  readonly erasing?: {
    readonly area: number;
    readonly ratio: number;
    readonly x: number;
    readonly y: number;
    /** Seed of the noise to fill with. Default: fill with the mean. */
    readonly noise?: number;
  };
}

/** Whether a configuration has no changes. */
export const isIdle = ({ fill: _, ...changes }: Augmentation): boolean =>
  Object.values(changes).every((change) => change === undefined);

/** Draws the augmentation of one image. */
export function drawAugmentation(a: Augmentation, random: Random): AugmentationDraw {
  const happens = (change: { probability: number } | undefined) =>
    change !== undefined && random.chance(change.probability);
  const between = ([low, high]: readonly [number, number]) => random.between(low, high);
  const wholeBetween = ([low, high]: readonly [number, number]) => low + random.below(high - low + 1);
  const logBetween = ([low, high]: readonly [number, number]) =>
    Math.exp(random.between(Math.log(low), Math.log(high)));
  const anywhere = () => ({ x: random.uniform(), y: random.uniform() });

  const crop = happens(a.resizedCrop)
    ? { scale: between(a.resizedCrop!.scale), ratio: logBetween(a.resizedCrop!.ratio), ...anywhere() }
    : undefined;
  const horizontalFlip = happens(a.horizontalFlip);
  const verticalFlip = happens(a.verticalFlip);
  const rotations: Move[] = happens(a.rotation) ? [['rotation', between(a.rotation!.degrees)]] : [];
  const shears: Move[] = [];
  if (happens(a.shear)) {
    const { degrees, along = 'x' } = a.shear!;
    if (along !== 'y') shears.push(['shearX', between(degrees)]);
    if (along !== 'x') shears.push(['shearY', between(degrees)]);
  }
  const translations: Move[] = [];
  if (happens(a.translation)) {
    translations.push(['translationX', between(a.translation!.fraction)]);
    translations.push(['translationY', between(a.translation!.fraction)]);
  }

  const tones: Operation[] = [];
  if (happens(a.brightness)) tones.push(['brightness', between(a.brightness!.factor)]);
  if (happens(a.contrast)) tones.push(['contrast', between(a.contrast!.factor)]);
  const colours: Operation[] = [];
  if (happens(a.saturation)) colours.push(['saturation', between(a.saturation!.factor)]);
  if (happens(a.hue)) colours.push(['hue', between(a.hue!.degrees)]);
  const grey = happens(a.greyscale);
  const blur = happens(a.blur) ? between(a.blur!.sigma) : 0;
  const erasing = happens(a.erasing)
    ? {
        area: between(a.erasing!.area),
        ratio: logBetween(a.erasing!.ratio),
        ...anywhere(),
        ...(a.erasing!.fill === 'noise' && { noise: random.uint32() }),
      }
    : undefined;

  const zooms: Move[] = happens(a.zoom) ? [['zoom', logBetween(a.zoom!.factor)]] : [];
  const quarterTurns = happens(a.quarterTurn) ? 1 + random.below(3) : 0;
  const perspective = happens(a.perspective)
    ? Array.from({ length: 8 }, () => random.between(0, a.perspective!.distortion / 2))
    : undefined;
  const elastic = happens(a.elastic)
    ? { alpha: between(a.elastic!.alpha), sigma: between(a.elastic!.sigma), seed: random.uint32() }
    : undefined;
  if (happens(a.gamma)) tones.push(['gamma', logBetween(a.gamma!.gamma)]);
  const others: Operation[] = [];
  if (happens(a.sharpness)) others.push(['sharpness', between(a.sharpness!.factor)]);
  if (happens(a.autocontrast)) others.push(['autocontrast']);
  if (happens(a.equalize)) others.push(['equalize']);
  if (happens(a.posterize)) others.push(['posterize', wholeBetween(a.posterize!.bits)]);
  if (happens(a.solarize)) others.push(['solarize', between(a.solarize!.threshold)]);
  if (happens(a.invert)) others.push(['invert']);
  if (happens(a.channelShuffle)) others.push(['channelShuffle', random.below(CHANNEL_ORDERS.length)]);
  if (happens(a.noise)) others.push(['noise', between(a.noise!.sigma), random.uint32()]);
  if (happens(a.jpeg)) others.push(['jpeg', wholeBetween(a.jpeg!.quality)]);

  const automatic = [
    happens(a.trivialAugment) ? trivialAugment(random) : undefined,
    happens(a.randAugment) ? randAugment(a.randAugment!, random) : undefined,
  ].filter((chain) => chain !== undefined);
  const mix = happens(a.augMix) ? augMix(a.augMix!, random) : undefined;
  return {
    quarterTurns,
    crop,
    horizontalFlip,
    verticalFlip,
    fill: a.fill ?? 'mean',
    moves: [...zooms, ...shears, ...rotations, ...translations, ...automatic.flatMap(({ moves }) => moves)],
    perspective,
    elastic,
    blur,
    mix,
    operations: [
      ...automatic.flatMap(({ operations }) => operations),
      ...tones,
      ...(grey ? ([['greyscale']] as const) : colours),
      ...others,
    ],
    erasing,
  };
}
