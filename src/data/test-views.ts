/** Test-time augmentation: views of an image, whose predictions are averaged. */
import { inputOrigin } from './geometry.ts';
import type { Size } from './preprocessing.ts';
import type { Preprocessing } from './types.ts';

/** Position of the input in the resized image, from 0 (left, top) to 1. Default: that of evaluation. */
export interface TestView {
  readonly x?: number;
  readonly y?: number;
  readonly mirrored: boolean;
}

const middle: TestView = { mirrored: false };
const crops: readonly TestView[] = [
  { x: 0, y: 0, mirrored: false },
  { x: 1, y: 0, mirrored: false },
  { x: 0, y: 1, mirrored: false },
  { x: 1, y: 1, mirrored: false },
  { x: 0.5, y: 0.5, mirrored: false },
];
const mirrored = (views: readonly TestView[]) => views.map((view) => ({ ...view, mirrored: true }));

/** Corners and centre, as in torchvision's `five_crop` and `ten_crop`; `flip` is the image and its mirror image. */
export const TEST_VIEWS = {
  none: [middle],
  flip: [middle, ...mirrored([middle])],
  'five-crop': crops,
  'ten-crop': [...crops, ...mirrored(crops)],
} as const satisfies Record<string, readonly TestView[]>;

export type TestViews = keyof typeof TEST_VIEWS;
export const testViewNames = Object.keys(TEST_VIEWS) as [TestViews, ...TestViews[]];

/** Maximum size of a crop, as a fraction of a side: the usual 224 of 256 pixels. */
const CROP = 224 / 256;

/** Preprocessing for views: resizes images to be larger than the input, so that there is room for crops. */
export function viewedPreprocessing(p: Preprocessing, views: readonly TestView[]): Preprocessing {
  if (views.every(({ x }) => x === undefined)) return p;
  if (p.fit === 'crop') return { ...p, cropFraction: Math.min(p.cropFraction, CROP) };
  return { ...p, width: Math.round(p.width / CROP), height: Math.round(p.height / CROP) };
}

/** Origin of the input in an image resized for views. */
export function viewOrigin(image: Size, p: Preprocessing, { x, y }: TestView): { left: number; top: number } {
  if (x === undefined || y === undefined) return inputOrigin(image, p);
  const begin = (spare: number, at: number) => Math.max(0, Math.floor(spare * at));
  return { left: begin(image.width - p.width, x), top: begin(image.height - p.height, y) };
}
