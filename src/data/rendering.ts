/** Applies the rest of a draw after its geometry: distortion, operations, blending, and conversion to the model's input. */
import { type AugmentationDraw, erasedRectangle } from './augment/index.ts';
import { distortionOf } from './distortion.ts';
import { meanColour, type Placed } from './geometry.ts';
import { operate, toned } from './operations/index.ts';
import { type Pixels, writePixels } from './pixels.ts';
import type { Size } from './preprocessing.ts';
import type { Preprocessing } from './types.ts';

/** The draws for a platform's geometry: one per blended copy, with the shared moves followed by its own. */
export const copiesOf = (draw: AugmentationDraw): readonly AugmentationDraw[] =>
  draw.mix?.map(({ moves }) => ({ ...draw, moves: [...draw.moves, ...moves] })) ?? [draw];

/** The image rotated anticlockwise by 0 to 3 quarter turns. */
export function turned({ data, width, height }: Pixels, quarters: number): Pixels {
  if (quarters === 0) return { data, width, height };
  const out = new Uint8Array(data.length);
  const size = quarters === 2 ? { width, height } : { width: height, height: width };
  for (let y = 0, to = 0; y < size.height; y++) {
    for (let x = 0; x < size.width; x++, to += 3) {
      const [fromX, fromY] =
        quarters === 1 ? [width - 1 - y, x] : quarters === 2 ? [width - 1 - x, height - 1 - y] : [y, height - 1 - x];
      const from = (fromY * width + fromX) * 3;
      out[to] = data[from];
      out[to + 1] = data[from + 1];
      out[to + 2] = data[from + 2];
    }
  }
  return { data: out, ...size };
}

/**
 * Applies the rest of a draw to images with applied geometry, and writes the result as float32 at `out[offset …]`.
 *
 * @param copies one for each of `copiesOf(draw)`
 */
export function writeDrawn(
  copies: readonly Placed[],
  p: Preprocessing,
  draw: AugmentationDraw,
  out: Float32Array,
  offset: number,
): void {
  const { horizontalFlip, verticalFlip, erasing, operations, mix } = draw;
  const erase = erasing && { ...erasedRectangle(erasing, p), noise: erasing.noise };
  const outsides = copiesOf(draw).map(({ moves }) => (moves.length || p.fit === 'pad' ? 'mean' : 'black'));
  const distort = distortionOf(draw, p);
  if (!mix && !distort && operations.length === 0) {
    const [{ pixels, left, top }] = copies;
    writePixels(pixels, p, out, offset, { left, top, horizontalFlip, verticalFlip, erase, outside: outsides[0] });
    return;
  }
  const mean = meanColour(p);
  const framed = copies.map((copy, i) => frame(copy, p, outsides[i] === 'mean' ? mean : [0, 0, 0]));
  const distorted = distort ? framed.map((pixels) => distort(pixels, draw.fill === 'edge' ? undefined : mean)) : framed;
  const image = mix
    ? blend(
        distorted.map((pixels, i) => operate(pixels, mix[i].operations)),
        mix,
      )
    : distorted[0];
  const { pixels, tables } = toned(image, operations);
  writePixels(pixels, p, out, offset, { left: 0, top: 0, horizontalFlip, verticalFlip, erase, tables });
}

/** The model's input as pixels, with a fill colour outside of the image. */
function frame({ pixels, left, top }: Placed, { width, height }: Size, colour: readonly number[]): Pixels {
  if (left === 0 && top === 0 && pixels.width === width && pixels.height === height) return pixels;
  const data = new Uint8Array(width * height * 3);
  const [first, last] = [Math.max(0, -left), Math.min(width, pixels.width - left)];
  for (let y = 0; y < height; y++) {
    const isRow = y + top >= 0 && y + top < pixels.height && first < last;
    const row = data.subarray(y * width * 3, (y + 1) * width * 3);
    if (!isRow || first > 0 || last < width) for (let i = 0; i < row.length; i++) row[i] = colour[i % 3];
    if (!isRow) continue;
    const from = ((y + top) * pixels.width + left) * 3;
    row.set(pixels.data.subarray(from + first * 3, from + last * 3), first * 3);
  }
  return { data, width, height };
}

/** Weighted sum of images of one size. The weights sum to 1. */
function blend(images: readonly Pixels[], weights: readonly { readonly weight: number }[]): Pixels {
  const [{ width, height }] = images;
  const sums = new Float32Array(width * height * 3);
  for (const [i, { data }] of images.entries()) {
    const { weight } = weights[i];
    for (let at = 0; at < sums.length; at++) sums[at] += weight * data[at];
  }
  const data = new Uint8Array(sums.length);
  for (let at = 0; at < data.length; at++) data[at] = Math.round(sums[at]);
  return { data, width, height };
}
