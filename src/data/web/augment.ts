/** Applies draws of `drawAugmentation` in plain arithmetic: the counterpart of `src/data/node/augment.ts`. */
import type { AugmentationDraw, Rectangle } from '../augment/index.ts';
import { affineWarp, drawnBox, meanColour, type Part, type Placed, straightCut } from '../geometry.ts';
import type { Pixels } from '../pixels.ts';
import { copiesOf, turned, writeDrawn } from '../rendering.ts';
import type { Preprocessing } from '../types.ts';
import { blur, extend, extract, resize, transform } from './resample.ts';
import { blurRadius } from './weights.ts';

/**
 * Writes one augmented image as float32 at `out[offset …]`.
 *
 * @param image from `decodeLarge`
 */
export function augmentImage(
  image: Pixels,
  p: Preprocessing,
  draw: AugmentationDraw,
  out: Float32Array,
  offset: number,
): void {
  const upright = turned(image, draw.quarterTurns);
  const copies = copiesOf(draw).map((copy) => (copy.moves.length ? warp(upright, p, copy) : cut(upright, p, copy)));
  writeDrawn(copies, p, draw, out, offset);
}

const partOf = (image: Pixels, { from, resized }: Part, { interpolation }: Preprocessing): Pixels =>
  resize(extract(image, from), resized, interpolation);

function cut(image: Pixels, p: Preprocessing, draw: AugmentationDraw): Placed {
  const part = straightCut(image, p, draw);
  return { pixels: blur(partOf(image, part, p), draw.blur), left: part.left, top: part.top };
}

function warp(image: Pixels, p: Preprocessing, draw: AugmentationDraw): Placed {
  const part = affineWarp(image, p, draw);
  const resized = partOf(image, part, p);
  const source = part.border ? extend(resized, part.border) : resized;
  // Only the visible part, plus a margin for blur.
  const shown = clip(drawnBox(part), p, blurRadius(draw.blur));
  const inverse = invert(part.matrix);
  const [x, y] = [shown.left - part.shift[0], shown.top - part.shift[1]];
  const start = [inverse[0] * x + inverse[1] * y, inverse[2] * x + inverse[3] * y] as const;
  const drawn = transform(source, shown, inverse, start, meanColour(p));
  return { pixels: blur(drawn, draw.blur), left: -shown.left, top: -shown.top };
}

/** The part of a box inside the input, plus a margin of `around` pixels. */
function clip(box: Rectangle, input: { width: number; height: number }, around: number): Rectangle {
  const left = Math.max(box.left, -around);
  const top = Math.max(box.top, -around);
  const width = Math.max(0, Math.min(box.left + box.width, input.width + around) - left);
  const height = Math.max(0, Math.min(box.top + box.height, input.height + around) - top);
  return { left, top, width, height };
}

function invert([a, b, c, d]: readonly [number, number, number, number]) {
  const determinant = a * d - b * c;
  return [d / determinant, -b / determinant, -c / determinant, a / determinant] as const;
}
