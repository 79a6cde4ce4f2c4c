/** Carries out with sharp what `drawAugmentation` drew. */
import sharp, { type Sharp } from 'sharp';
import { type AugmentationDraw, cropRectangle, erasedRectangle, type Rectangle } from '../augment.ts';
import { colourMatrix, meanGrey, type Pixels, writePixels } from '../pixels.ts';
import { resizedSide } from '../preprocessing.ts';
import type { Preprocessing } from '../types.ts';

const fromPixels = ({ data, width, height }: Pixels) => sharp(data, { raw: { width, height, channels: 3 } });

async function run(pipeline: Sharp): Promise<Pixels> {
  const { data, info } = await pipeline.raw().toBuffer({ resolveWithObject: true });
  return { data, width: info.width, height: info.height };
}

/** Pixels, and where in them the model's input begins. */
interface Placed {
  readonly pixels: Pixels;
  readonly left: number;
  readonly top: number;
}

/**
 * Writes one augmented picture as float32 at `out[offset …]`. Geometry and blur are sharp's work, off the JavaScript thread;
 * mirroring, colour and erasing are part of the pass that normalizes.
 *
 * @param picture from `decodeLarge`
 */
export async function augmentPicture(
  picture: Pixels,
  p: Preprocessing,
  draw: AugmentationDraw,
  out: Float32Array,
  offset: number,
): Promise<void> {
  const window = inputWindow(picture, p, draw);
  const { pixels, left, top } = draw.affine
    ? await warp(picture, window, p, draw, draw.affine)
    : await cut(picture, window, p, draw);
  writePixels(pixels, p, out, offset, {
    left,
    top,
    horizontalFlip: draw.horizontalFlip,
    verticalFlip: draw.verticalFlip,
    colour: colourMatrix(draw, () => meanGrey(picture)),
    erase: draw.erasing && erasedRectangle(draw.erasing, p),
    outside: draw.affine ? 'mean' : undefined,
  });
}

/** The part of the picture that fills the input, in pixels of the picture; it may reach beyond it. */
function inputWindow(picture: Pixels, p: Preprocessing, draw: AugmentationDraw): Rectangle {
  if (draw.crop) return cropRectangle(draw.crop, picture, p.width / p.height);
  if (p.fit === 'stretch') return { left: 0, top: 0, width: picture.width, height: picture.height };
  if (p.fit === 'pad') {
    const side = Math.max(picture.width, picture.height);
    return { left: 0, top: 0, width: side, height: side };
  }
  const scale = resizedSide(p) / Math.min(picture.width, picture.height);
  const width = p.width / scale;
  const height = p.height / scale;
  return { left: (picture.width - width) / 2, top: (picture.height - height) / 2, width, height };
}

/** The window, resized to the input; what lies beyond the picture is left out. */
async function cut(picture: Pixels, window: Rectangle, p: Preprocessing, draw: AugmentationDraw): Promise<Placed> {
  const x = cutAxis(window.left, window.width, picture.width, p.width);
  const y = cutAxis(window.top, window.height, picture.height, p.height);
  const pipeline = fromPixels(picture)
    .extract({ left: x.from, top: y.from, width: x.length, height: y.length })
    .resize({ width: x.resized, height: y.resized, fit: 'fill', kernel: p.interpolation });
  return { pixels: await run(draw.blur > 0 ? pipeline.blur(draw.blur) : pipeline), left: -x.at, top: -y.at };
}

/** One axis of `cut`: the pixels taken, the length they are resized to, and where they come to lie in the input. */
function cutAxis(start: number, length: number, available: number, input: number) {
  const scale = input / length;
  const from = Math.min(available - 1, Math.max(0, Math.round(start)));
  const to = Math.max(from + 1, Math.min(available, Math.round(start + length)));
  const at = start < 0 ? Math.round(-start * scale) : 0;
  const end = start + length > available ? Math.round((available - start) * scale) : input;
  return { from, length: to - from, at, resized: Math.max(1, end - at) };
}

/**
 * The window rotated, sheared and shifted about its centre. In pixels of the input, a point q from the window's centre moves to
 * `A q + t` from the input's centre. First the part of the picture that can come into view is cut out and resized, so that
 * shrinking smooths; then one affine transform does the rest.
 */
async function warp(
  picture: Pixels,
  window: Rectangle,
  p: Preprocessing,
  draw: AugmentationDraw,
  affine: NonNullable<AugmentationDraw['affine']>,
): Promise<Placed> {
  const angle = (affine.rotation * Math.PI) / 180;
  const slope = Math.tan((affine.shear * Math.PI) / 180);
  const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
  // Anticlockwise with y pointing down, after a shear along x; its determinant is 1.
  const a = [cos, cos * slope + sin, -sin, cos - sin * slope];
  const shift = [affine.x * p.width, affine.y * p.height];

  // Half the extent of A⁻¹ (input rectangle), with what interpolation and blur look at around it, and its centre A⁻¹(-t).
  const around = 1 + 3 * draw.blur;
  const reach = [
    (Math.abs(a[3]) * p.width + Math.abs(a[1]) * p.height) / 2 + around,
    (Math.abs(a[2]) * p.width + Math.abs(a[0]) * p.height) / 2 + around,
  ];
  const centre = [-(a[3] * shift[0] - a[1] * shift[1]), -(-a[2] * shift[0] + a[0] * shift[1])];
  const x = viewAxis(window.left, window.width, picture.width, p.width, centre[0], reach[0]);
  const y = viewAxis(window.top, window.height, picture.height, p.height, centre[1], reach[1]);

  let pipeline = fromPixels(picture)
    .extract({ left: x.from, top: y.from, width: x.length, height: y.length })
    .resize({ width: x.resized, height: y.resized, fit: 'fill', kernel: p.interpolation });
  // What padding leaves free keeps the mean, as in evaluation.
  const extended = affine.fill === 'edge' && (draw.crop !== undefined || p.fit !== 'pad');
  if (extended) {
    // sharp extends after it transforms, so this takes a pipeline of its own.
    const border = { left: x.before, right: x.after, top: y.before, bottom: y.after };
    pipeline = fromPixels(await run(pipeline.extend({ ...border, extendWith: 'copy' })));
  }
  const width = x.resized + (extended ? x.before + x.after : 0);
  const height = y.resized + (extended ? y.before + y.after : 0);
  // Pixel i lies at q = stretch (i + 1/2) + origin.
  const origin = [x.origin - (extended ? x.before * x.stretch : 0), y.origin - (extended ? y.before * y.stretch : 0)];
  const m = [a[0] * x.stretch, a[1] * y.stretch, a[2] * x.stretch, a[3] * y.stretch];
  // In indices, j = m i + d, from j + 1/2 = A q + t + input / 2.
  const dx = (m[0] + m[1]) / 2 + a[0] * origin[0] + a[1] * origin[1] + shift[0] + p.width / 2 - 0.5;
  const dy = (m[2] + m[3]) / 2 + a[2] * origin[0] + a[3] * origin[1] + shift[1] + p.height / 2 - 0.5;
  // libvips returns the bounding box of m i, its corner rounded to a whole pixel, and moves the picture within it by odx and ody.
  const whole = [Math.round(dx), Math.round(dy)];
  pipeline = pipeline.affine([m[0], m[1], m[2], m[3]], {
    background: meanColour(p),
    interpolator: 'bilinear',
    odx: dx - whole[0],
    ody: dy - whole[1],
  });
  const corner = [
    roundAwayFromZero(Math.min(0, m[0] * width) + Math.min(0, m[1] * height)),
    roundAwayFromZero(Math.min(0, m[2] * width) + Math.min(0, m[3] * height)),
  ];
  const pixels = await run(draw.blur > 0 ? pipeline.blur(draw.blur) : pipeline);
  return { pixels, left: -corner[0] - whole[0], top: -corner[1] - whole[1] };
}

/** C's rounding, as libvips does it: halves away from zero. */
const roundAwayFromZero = (value: number): number => Math.sign(value) * Math.round(Math.abs(value));

/**
 * One axis of `warp`: the pixels that may come into view, the length they are resized to, how a resized pixel lies to the
 * window's centre in pixels of the input (`stretch`, `origin`), and how many pixels are missing on either side.
 */
function viewAxis(start: number, length: number, available: number, input: number, centre: number, reach: number) {
  const scale = input / length;
  const middle = start + length / 2;
  const low = middle + (centre - reach) / scale;
  const high = middle + (centre + reach) / scale;
  const from = Math.min(available - 1, Math.max(0, Math.floor(low)));
  const to = Math.max(from + 1, Math.min(available, Math.ceil(high)));
  // Less than a pixel's worth is drawn one pixel wide.
  const span = Math.max(1, (to - from) * scale);
  const resized = Math.round(span);
  const stretch = span / resized;
  const missing = (pixels: number) => Math.max(0, Math.ceil((pixels * scale) / stretch));
  return {
    from,
    length: to - from,
    resized,
    stretch,
    origin: ((from + to) / 2 - middle) * scale - span / 2,
    before: missing(from - low),
    after: missing(high - to),
  };
}

/** The mean of the preprocessing as a colour. */
function meanColour({ mean, scale, channels }: Preprocessing): { r: number; g: number; b: number } {
  const [r, g, b] = (
    channels === 'bgr' ? mean.toReversed() : channels === 'grey' ? [mean[0], mean[0], mean[0]] : mean
  ).map((m) => Math.round(Math.min(255, Math.max(0, m / scale))));
  return { r, g, b };
}
