/** Whether images are photographs or drawings, by their flat areas. */
import type { Pixels } from './pixels.ts';

/** Greatest difference of two pixels of a flat area, of 255: JPEG's noise stays below it. */
const TOLERANCE = 2;

/** Greatest median flatness of photographs, at 80 pixels. `artifacts/default/README.md` has the measurements. */
const PHOTOGRAPHIC = 0.4;

/** Share of horizontal neighbours that have nearly the same colour. */
export function flatness({ data, width, height }: Pixels): number {
  let flat = 0;
  for (let y = 0; y < height; y++)
    for (let x = 1; x < width; x++) {
      const at = (y * width + x) * 3;
      const differs = [0, 1, 2].some((c) => Math.abs(data[at + c] - data[at + c - 3]) > TOLERANCE);
      if (!differs) flat++;
    }
  return flat / Math.max(1, height * (width - 1));
}

/** Whether most of the images are photographs. */
export function arePhotographs(images: readonly Pixels[]): boolean {
  const shares = images.map(flatness).sort((a, b) => a - b);
  return shares.length > 0 && shares[Math.floor(shares.length / 2)] < PHOTOGRAPHIC;
}
