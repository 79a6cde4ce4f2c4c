/** Limits on image sizes, for all platforms. */

/** Larger images are refused, because decoding them could fill the memory. */
export const maximumPixels = 0x3fff * 0x3fff;

/** Narrower images show nothing to learn. */
const minimumSide = 8;
/** Resizing the shorter side of a more elongated image would need too much memory. */
const maximumAspect = 100;

export const tooLarge = (width: number, height: number, maximum = maximumPixels): string =>
  `${width}x${height} pixels: ${Math.round((width * height) / 1e6)} megapixels, the limit is ${Math.floor(maximum / 1e6)}`;

/** A short reason if an image of this size cannot be used for training; otherwise undefined. */
export function sizeProblem(width: number, height: number): string | undefined {
  if (Math.min(width, height) < minimumSide)
    return `${width}x${height} pixels, smaller than ${minimumSide}x${minimumSide}`;
  if (width * height > maximumPixels) return tooLarge(width, height);
  if (Math.max(width, height) / Math.min(width, height) > maximumAspect)
    return `${width}x${height} pixels, more than ${maximumAspect} times as long as wide`;
  return undefined;
}
