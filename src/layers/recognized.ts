/** Tensors that are constants by their contents: no training leaves such numbers behind. */
import { elementCount, isHalf, numbersOf, type Tensor, widened } from '../onnx/index.ts';

/** Elements from which on contents count: fewer numbers fall into a pattern by chance. */
const ENOUGH = 4;
/** Elements of a tensor that is still looked at as a whole. */
const MOST = 1 << 22;
/** A bias of attention scores from which on softmax leaves nothing. */
const MASKED = -100;

/**
 * What a tensor is that nobody trained, or undefined if it may be a parameter. Recognized are
 *
 * - masks: zeros and numbers of at most −100, or infinities;
 * - evenly spaced numbers (positions, bins) and geometric series (frequencies, slopes), of four and more;
 * - sinusoids: every column a sampled sine or cosine, of positions on a line or on a square grid (Vaswani et al., 2017);
 * - coordinates: up to four columns, in which each value comes equally often, as in a grid's;
 * - blurs: depthwise filters that are all the same binomial filter (Zhang, 2019).
 */
export function recognize(tensor: Tensor): string | undefined {
  const count = elementCount(tensor.shape);
  if (count < ENOUGH || count > MOST) return undefined;
  const x = isHalf(tensor.type) ? numbersOf(widened(tensor)) : (tensor.data as unknown as ArrayLike<number>);
  if (isMask(x)) return 'a mask';
  if (isSpaced(x)) return 'evenly spaced numbers';
  if (isGeometric(x)) return 'a geometric series';
  const { shape } = tensor;
  if (isBlur(x, shape)) return 'a blur';
  const columns = shape.at(-1) ?? 1;
  if (isGrid(x, columns)) return 'coordinates of a grid';
  if (isSinusoids(x, columns)) return 'sinusoids of positions';
  return undefined;
}

/** The only number in a tensor, which it repeats. */
export function repeated(tensor: Tensor): number | undefined {
  if (isHalf(tensor.type)) return repeated(widened(tensor));
  const x = tensor.data as unknown as ArrayLike<number>;
  for (let i = 1; i < x.length; i++) if (x[i] !== x[0]) return undefined;
  return x[0];
}

/** Zeros and ones, of both some. */
export function isBinary(tensor: Tensor): boolean {
  if (isHalf(tensor.type)) return isBinary(widened(tensor));
  const x = tensor.data as unknown as ArrayLike<number>;
  let ones = 0;
  for (let i = 0; i < x.length; i++) {
    if (x[i] !== 0 && x[i] !== 1) return false;
    ones += x[i];
  }
  return ones > 0 && ones < x.length;
}

function isMask(x: ArrayLike<number>): boolean {
  let masked = false;
  for (let i = 0; i < x.length; i++) {
    if (x[i] <= MASKED || x[i] === Number.POSITIVE_INFINITY) masked = true;
    else if (x[i] !== 0) return false;
  }
  return masked;
}

const near = (a: number, b: number, scale: number) => Math.abs(a - b) <= 1e-5 * scale;

function isSpaced(x: ArrayLike<number>): boolean {
  const step = (x[x.length - 1] - x[0]) / (x.length - 1);
  if (!(Math.abs(step) > 0)) return false;
  const scale = Math.max(Math.abs(step), 1e-2 * Math.abs(x[0]), 1e-2 * Math.abs(x[x.length - 1]));
  for (let i = 0; i < x.length; i++) if (!near(x[i], x[0] + i * step, scale)) return false;
  return true;
}

function isGeometric(x: ArrayLike<number>): boolean {
  const ratio = (x[x.length - 1] / x[0]) ** (1 / (x.length - 1));
  if (!(x[0] !== 0 && ratio > 0 && Math.abs(ratio - 1) > 1e-6)) return false;
  for (let i = 0; i < x.length; i++) {
    const expected = x[0] * ratio ** i;
    if (!near(x[i], expected, Math.abs(expected))) return false;
  }
  return true;
}

/** Rows of `columns`; a first row of zeros, which some give a class token, may come before them. */
function isSinusoids(x: ArrayLike<number>, columns: number): boolean {
  const rows = x.length / columns;
  const isZeros = Array.from({ length: columns }, (_, c) => x[c]).every((value) => value === 0);
  const first = isZeros ? 1 : 0;
  const side = Math.round(Math.sqrt(rows - first));
  const isSquare = side * side === rows - first;
  let moving = 0;
  for (let c = 0; c < columns; c++) {
    const along = (start: number, step: number, count: number) =>
      Array.from({ length: count }, (_, i) => x[(first + start + i * step) * columns + c]);
    const line = along(0, 1, rows - first);
    const ofLine = isSinusoid(line);
    const ofGrid = () =>
      isSquare && isOfAxis(line, side) && (isSinusoid(along(0, 1, side)) || isSinusoid(along(0, side, side)));
    if (!ofLine && !ofGrid()) return false;
    if (line.some((value) => Math.abs(value - line[0]) > 1e-3)) moving++;
  }
  return moving * 2 > columns;
}

/** On a grid of rows of `side`, a value that depends on one of the axes only. */
function isOfAxis(line: readonly number[], side: number): boolean {
  const ofColumn = line.every((value, i) => near(value, line[i % side], 1));
  return ofColumn || line.every((value, i) => near(value, line[i - (i % side)], 1));
}

/** xₖ₊₁ + xₖ₋₁ = 2·cos ω·xₖ, which sines and cosines of evenly spaced angles fulfil; ω by least squares. */
function isSinusoid(x: readonly number[]): boolean {
  if (x.length < ENOUGH || x.some((value) => !(Math.abs(value) <= 1 + 1e-5))) return false;
  let product = 0;
  let square = 0;
  for (let i = 1; i < x.length - 1; i++) {
    product += (x[i + 1] + x[i - 1]) * x[i];
    square += x[i] * x[i];
  }
  const twice = square > 0 ? product / square : 0;
  let error = 0;
  for (let i = 1; i < x.length - 1; i++) error += (x[i + 1] + x[i - 1] - twice * x[i]) ** 2;
  return error <= 1e-8 * (square + 1e-12) * 4;
}

/** Few columns, in each of which every value comes equally often, and far less often different than there are rows. */
function isGrid(x: ArrayLike<number>, columns: number): boolean {
  const rows = x.length / columns;
  if (columns > ENOUGH || columns < 2 || rows < 9) return false;
  for (let c = 0; c < columns; c++) {
    const times = new Map<number, number>();
    for (let r = 0; r < rows; r++) {
      const value = x[r * columns + c];
      times.set(value, (times.get(value) ?? 0) + 1);
      if (times.size * 2 > rows) return false;
    }
    if (times.size < 3 || new Set(times.values()).size > 1) return false;
  }
  return true;
}

/** Filters [channels, 1, k, k] that are all b·bᵀ for one row b of Pascal's triangle, divided by its sum. */
function isBlur(x: ArrayLike<number>, [channels, inputs, k, width]: readonly number[]): boolean {
  if (inputs !== 1 || k !== width || !(k > 1 && k < 8) || x.length !== channels * k * k) return false;
  const row = Array.from({ length: k }, (_, i) => binomial(k - 1, i) / 2 ** (k - 1));
  for (let i = 0; i < x.length; i++) if (!near(x[i], row[Math.floor(i / k) % k] * row[i % k], 1e-1)) return false;
  return true;
}

const binomial = (n: number, k: number): number => (k === 0 ? 1 : (binomial(n, k - 1) * (n - k + 1)) / k);
