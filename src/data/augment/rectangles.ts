import type { AugmentationDraw } from './draw.ts';

export interface Rectangle {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
}

/** A rectangle with `area` (a fraction of the whole) and aspect ratio `ratio`, at position `x` and `y`, clipped to the whole. */
function place(whole: { width: number; height: number }, area: number, ratio: number, x: number, y: number): Rectangle {
  const width = Math.min(whole.width, Math.max(1, Math.round(Math.sqrt(area * whole.width * whole.height * ratio))));
  const height = Math.min(
    whole.height,
    Math.max(1, Math.round(Math.sqrt((area * whole.width * whole.height) / ratio))),
  );
  return {
    left: Math.floor(x * (whole.width - width + 1)),
    top: Math.floor(y * (whole.height - height + 1)),
    width,
    height,
  };
}

/** The crop of an image in whole pixels, for an input with `width / height = aspect`. */
export const cropRectangle = (
  crop: NonNullable<AugmentationDraw['crop']>,
  image: { width: number; height: number },
  aspect: number,
) => place(image, crop.scale, crop.ratio * aspect, crop.x, crop.y);

/** The erased part of the input in whole pixels. */
export const erasedRectangle = (
  erasing: NonNullable<AugmentationDraw['erasing']>,
  input: { width: number; height: number },
) => place(input, erasing.area, erasing.ratio, erasing.x, erasing.y);
