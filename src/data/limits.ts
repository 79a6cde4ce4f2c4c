/** Which sizes of images are taken, on every platform. */

/** Larger images are refused: decoding them could take all memory. */
export const maximumPixels = 0x3fff * 0x3fff;

/** Anything narrower shows nothing that could be learned. */
const minimumSide = 8;
/** Resizing the shorter side of a longer strip would take too much memory. */
const maximumAspect = 100;

export const tooLarge = (width: number, height: number): string =>
  `${width}x${height} pixels: ${Math.round((width * height) / 1e6)} megapixels, the limit is ${Math.floor(maximumPixels / 1e6)}`;

/** Why an image of this size is not trained on, in a few words; undefined where it is. */
export function sizeProblem(width: number, height: number): string | undefined {
  if (Math.min(width, height) < minimumSide)
    return `${width}x${height} pixels, smaller than ${minimumSide}x${minimumSide}`;
  if (width * height > maximumPixels) return tooLarge(width, height);
  if (Math.max(width, height) / Math.min(width, height) > maximumAspect)
    return `${width}x${height} pixels, more than ${maximumAspect} times as long as wide`;
  return undefined;
}
