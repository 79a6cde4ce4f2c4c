/** The lossy part of JPEG (ITU-T T.81), with the quality levels of the Independent JPEG Group's library. */
import type { Pixels } from '../pixels.ts';

/** ITU-T T.81, tables K.1 and K.2. */
const LUMINANCE = [
  ...[16, 11, 10, 16, 24, 40, 51, 61, 12, 12, 14, 19, 26, 58, 60, 55],
  ...[14, 13, 16, 24, 40, 57, 69, 56, 14, 17, 22, 29, 51, 87, 80, 62],
  ...[18, 22, 37, 56, 68, 109, 103, 77, 24, 35, 55, 64, 81, 104, 113, 92],
  ...[49, 64, 78, 87, 103, 121, 120, 101, 72, 92, 95, 98, 112, 100, 103, 99],
];
const CHROMINANCE = [
  ...[17, 18, 24, 47, 99, 99, 99, 99, 18, 21, 26, 66, 99, 99, 99, 99],
  ...[24, 26, 56, 99, 99, 99, 99, 99, 47, 66, 99, 99, 99, 99, 99, 99],
  ...new Array<number>(32).fill(99),
];

/** Basis of the orthonormal discrete cosine transform, one row per frequency. */
const COSINES = Float64Array.from({ length: 64 }, (_, i) => {
  const [frequency, x] = [i >> 3, i & 7];
  return Math.sqrt(frequency === 0 ? 1 / 8 : 1 / 4) * Math.cos(((2 * x + 1) * frequency * Math.PI) / 16);
});

const TRANSPOSED = COSINES.map((_, i) => COSINES[(i & 7) * 8 + (i >> 3)]);

/** Quantization steps for a quality from 1 to 100 (libjpeg's `jpeg_quality_scaling`). */
function stepsOf(table: readonly number[], quality: number): readonly number[] {
  const percent = quality < 50 ? Math.floor(5000 / quality) : 200 - 2 * quality;
  return table.map((step) => Math.min(255, Math.max(1, Math.floor((step * percent + 50) / 100))));
}

/** One of the three components, at full or half resolution. */
interface Plane {
  readonly data: Float64Array;
  readonly width: number;
  readonly height: number;
}

export const JPEG = {
  // luminance and subsampled chrominance, with the DCT of each 8×8 block quantized      (torchvision's jpeg)
  jpeg({ data, width, height }: Pixels, quality: number): Pixels {
    const [luma, blue, red] = componentsOf(data, width, height);
    const y = quantized(luma, stepsOf(LUMINANCE, quality));
    const chrominance = stepsOf(CHROMINANCE, quality);
    const cb = doubled(quantized(halved(blue), chrominance), width, height);
    const cr = doubled(quantized(halved(red), chrominance), width, height);
    const out = new Uint8ClampedArray(data.length);
    for (let i = 0, to = 0; i < y.data.length; i++, to += 3) {
      const light = y.data[i] + 128;
      out[to] = light + 1.402 * cr[i];
      out[to + 1] = light - 0.344136 * cb[i] - 0.714136 * cr[i];
      out[to + 2] = light + 1.772 * cb[i];
    }
    return { data: new Uint8Array(out.buffer), width, height };
  },
};

/** Y, Cb and Cr of JFIF, centred at 0. */
function componentsOf(data: Uint8Array, width: number, height: number): readonly [Plane, Plane, Plane] {
  const plane = () => ({ data: new Float64Array(width * height), width, height });
  const [y, cb, cr] = [plane(), plane(), plane()];
  for (let i = 0, from = 0; i < width * height; i++, from += 3) {
    const red = data[from];
    const green = data[from + 1];
    const blue = data[from + 2];
    y.data[i] = Math.round(0.299 * red + 0.587 * green + 0.114 * blue) - 128;
    cb.data[i] = Math.round(-0.168736 * red - 0.331264 * green + 0.5 * blue);
    cr.data[i] = Math.round(0.5 * red - 0.418688 * green - 0.081312 * blue);
  }
  return [y, cb, cr];
}

/** Quantizes each 8x8 block by its frequencies. Blocks at the edges repeat the edge. */
function quantized(plane: Plane, steps: readonly number[]): Plane {
  const { width, height } = plane;
  const data = new Float64Array(plane.data.length);
  const block = new Float64Array(64);
  for (let top = 0; top < height; top += 8) {
    for (let left = 0; left < width; left += 8) {
      for (let i = 0; i < 64; i++) {
        const y = Math.min(height - 1, top + (i >> 3));
        block[i] = plane.data[y * width + Math.min(width - 1, left + (i & 7))];
      }
      transform(block, 'forwards');
      for (let i = 0; i < 64; i++) block[i] = Math.round(block[i] / steps[i]) * steps[i];
      transform(block, 'back');
      for (let i = 0; i < 64; i++) {
        const x = left + (i & 7);
        const y = top + (i >> 3);
        if (x < width && y < height) data[y * width + x] = Math.min(127, Math.max(-128, Math.round(block[i])));
      }
    }
  }
  return { data, width, height };
}

const half = new Float64Array(64);

/** C·B·Cᵀ, or the inverse CᵀBC, in place. */
function transform(block: Float64Array, way: 'forwards' | 'back'): void {
  const rows = way === 'forwards' ? COSINES : TRANSPOSED;
  // Each pass transforms the rows, and transposes.
  along(block, rows, half);
  along(half, rows, block);
}

function along(from: Float64Array, rows: Float64Array, to: Float64Array): void {
  for (let row = 0; row < 64; row += 8) {
    const v0 = from[row];
    const v1 = from[row + 1];
    const v2 = from[row + 2];
    const v3 = from[row + 3];
    const v4 = from[row + 4];
    const v5 = from[row + 5];
    const v6 = from[row + 6];
    const v7 = from[row + 7];
    for (let k = 0; k < 64; k += 8) {
      to[k + (row >> 3)] =
        v0 * rows[k] +
        v1 * rows[k + 1] +
        v2 * rows[k + 2] +
        v3 * rows[k + 3] +
        v4 * rows[k + 4] +
        v5 * rows[k + 5] +
        v6 * rows[k + 6] +
        v7 * rows[k + 7];
    }
  }
}

/** Means of 2x2 blocks. */
function halved({ data, width, height }: Plane): Plane {
  const [columns, rows] = [(width + 1) >> 1, (height + 1) >> 1];
  const out = new Float64Array(columns * rows);
  for (let y = 0; y < rows; y++) {
    const [first, second] = [2 * y * width, Math.min(height - 1, 2 * y + 1) * width];
    for (let x = 0; x < columns; x++) {
      const left = 2 * x;
      const right = Math.min(width - 1, left + 1);
      out[y * columns + x] = Math.round(
        (data[first + left] + data[first + right] + data[second + left] + data[second + right]) / 4,
      );
    }
  }
  return { data: out, width: columns, height: rows };
}

/** Doubles the size: three quarters of the nearest value and one quarter of the next, in both directions, as in libjpeg. */
function doubled({ data, width: columns, height: rows }: Plane, width: number, height: number): Float64Array {
  const out = new Float64Array(width * height);
  const beside = (i: number, count: number) => Math.min(count - 1, Math.max(0, (i >> 1) + (i & 1 ? 1 : -1)));
  for (let y = 0; y < height; y++) {
    const near = (y >> 1) * columns;
    const far = beside(y, rows) * columns;
    for (let x = 0; x < width; x++) {
      const here = x >> 1;
      const there = beside(x, columns);
      out[y * width + x] =
        (9 * data[near + here] + 3 * data[near + there] + 3 * data[far + here] + data[far + there]) / 16;
    }
  }
  return out;
}
