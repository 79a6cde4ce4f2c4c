export type { Augmentation } from './changes.ts';
export { type AugmentationDraw, type Chain, drawAugmentation, isIdle, type Move } from './draw.ts';
export { augmentationPolicies, readAugmentation } from './policies.ts';
export { cropRectangle, erasedRectangle, type Rectangle } from './rectangles.ts';
