/** Applies draws of `drawAugmentation` with sharp. */
import type { Sharp } from 'sharp';
import type { AugmentationDraw } from '../augment/index.ts';
import { affineWarp, drawnBox, meanColour, type Part, type Placed, straightCut } from '../geometry.ts';
import type { Pixels } from '../pixels.ts';
import { copiesOf, turned, writeDrawn } from '../rendering.ts';
import type { Preprocessing } from '../types.ts';
import { openPixels } from './decode.ts';

async function run(pipeline: Sharp): Promise<Pixels> {
  const { data, info } = await pipeline.raw().toBuffer({ resolveWithObject: true });
  return { data, width: info.width, height: info.height };
}

/**
 * Writes one augmented image as float32 at `out[offset …]`. sharp does geometry and blur, off the JavaScript thread; the rest is plain
 * arithmetic that all platforms share.
 *
 * @param image from `decodeLarge`
 */
export async function augmentImage(
  image: Pixels,
  p: Preprocessing,
  draw: AugmentationDraw,
  out: Float32Array,
  offset: number,
): Promise<void> {
  const upright = turned(image, draw.quarterTurns);
  const copies = copiesOf(draw).map((copy) => (copy.moves.length ? warp(upright, p, copy) : cut(upright, p, copy)));
  writeDrawn(await Promise.all(copies), p, draw, out, offset);
}

const partOf = (image: Pixels, { from, resized }: Part, { interpolation }: Preprocessing): Sharp =>
  openPixels(image)
    .extract(from)
    .resize({ ...resized, fit: 'fill', kernel: interpolation });

async function cut(image: Pixels, p: Preprocessing, draw: AugmentationDraw): Promise<Placed> {
  const part = straightCut(image, p, draw);
  const pipeline = partOf(image, part, p);
  const pixels = await run(draw.blur > 0 ? pipeline.blur(draw.blur) : pipeline);
  return { pixels, left: part.left, top: part.top };
}

async function warp(image: Pixels, p: Preprocessing, draw: AugmentationDraw): Promise<Placed> {
  const part = affineWarp(image, p, draw);
  let pipeline = partOf(image, part, p);
  // sharp extends after it transforms, so extending needs a separate pipeline.
  if (part.border) pipeline = openPixels(await run(pipeline.extend({ ...part.border, extendWith: 'copy' })));
  const [r, g, b] = meanColour(p);
  const { left, top, fraction } = drawnBox(part);
  // libvips returns the bounding box; odx and ody move the image inside it.
  pipeline = pipeline.affine([...part.matrix], {
    background: { r, g, b },
    interpolator: 'bilinear',
    odx: fraction[0],
    ody: fraction[1],
  });
  const pixels = await run(draw.blur > 0 ? pipeline.blur(draw.blur) : pipeline);
  return { pixels, left: -left, top: -top };
}
