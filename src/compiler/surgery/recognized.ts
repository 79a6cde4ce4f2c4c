/** Recognizes constants by their contents: training never results in such numbers. */
import { elementCount, isHalf, type Tensor, widened } from '../../onnx/index.ts';

/** Contents count from this number of elements: fewer numbers form a pattern by chance. */
const ENOUGH = 4;
/** The largest tensor that is checked as a whole, in elements. */
const MOST = 1 << 22;
/** The same for filters and matrices: known blurs and ramps are far smaller, and large weights can stay in their files. */
const MOST_OF_FILTER = 1 << 18;
/** A bias of attention scores at or below this leaves nothing after softmax. */
const MASKED = -100;

/**
 * Describes a tensor that was not trained; undefined if it may be a parameter. It recognizes
 *
 * - masks: zeros and numbers of at most −100, or infinities;
 * - evenly spaced numbers (positions, bins) and geometric series (frequencies, slopes), at least four numbers;
 * - sinusoids: every column is a sampled sine or cosine, of positions on a line or on a square grid (Vaswani et al., 2017);
 * - coordinates: up to four columns in which each value occurs equally often, as in a grid;
 * - blurs: depthwise filters that are all the same binomial filter (Zhang, 2019).
 *
 * @param isFilter of a convolution or a product: there, only evenly spaced numbers and blurs count as constants
 */
export function recognize(tensor: Tensor, isFilter = false): string | undefined {
  const count = elementCount(tensor.shape);
  if (count < ENOUGH || count > (isFilter ? MOST_OF_FILTER : MOST)) return undefined;
  const x = contentsOf(tensor);
  if (isSpaced(x)) return 'evenly spaced numbers';
  const { shape } = tensor;
  if (isBlur(x, shape)) return 'a blur';
  if (isFilter) return undefined;
  if (isMask(x)) return 'a mask';
  if (isGeometric(x)) return 'a geometric series';
  const columns = shape.at(-1) ?? 1;
  if (isGrid(x, columns)) return 'coordinates of a grid';
  if (isSinusoids(x, columns)) return 'sinusoids of positions';
  return undefined;
}

/** The number that a tensor repeats, if it has only one. */
export function repeated(tensor: Tensor): number | undefined {
  const x = contentsOf(tensor);
  for (let i = 1; i < x.length; i++) if (x[i] !== x[0]) return undefined;
  return x[0];
}

/** Whether a tensor has zeros and ones, some of each, and nothing else. */
export function isBinary(tensor: Tensor): boolean {
  const x = contentsOf(tensor);
  let ones = 0;
  for (let i = 0; i < x.length; i++) {
    if (x[i] !== 0 && x[i] !== 1) return false;
    ones += x[i];
  }
  return ones > 0 && ones < x.length;
}

/** Its elements as numbers, also for half-precision types. */
const contentsOf = (tensor: Tensor): ArrayLike<number> =>
  (isHalf(tensor.type) ? widened(tensor) : tensor).data as unknown as ArrayLike<number>;

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

/** Each number may occur twice: once for a sine, once for a cosine. */
function isGeometric(x: ArrayLike<number>): boolean {
  const times = x[0] === x[1] ? 2 : 1;
  const count = x.length / times;
  const ratio = (x[x.length - 1] / x[0]) ** (1 / (count - 1));
  if (!(count >= ENOUGH && x[0] !== 0 && ratio > 0 && Math.abs(ratio - 1) > 1e-6)) return false;
  for (let i = 0; i < x.length; i++) {
    const expected = x[0] * ratio ** Math.floor(i / times);
    if (!near(x[i], expected, Math.abs(expected))) return false;
  }
  return true;
}

/** Rows of `columns`. A first row of zeros, which some models use for a class token, may precede them. */
function isSinusoids(x: ArrayLike<number>, columns: number): boolean {
  const rows = x.length / columns;
  const isZeros = Array.from({ length: columns }, (_, c) => x[c]).every((value) => value === 0);
  const first = isZeros ? 1 : 0;
  const count = rows - first;
  const side = Math.round(Math.sqrt(count));
  const isSquare = side * side === count;
  let moving = 0;
  for (let c = 0; c < columns; c++) {
    /** Numbers of the column, `step` rows apart. */
    const along = (step: number, length: number): Series => ({
      x,
      from: first * columns + c,
      step: step * columns,
      length,
    });
    const line = along(1, count);
    const isOnGrid = () =>
      isSquare &&
      (isSinusoid(along(1, side)) || isSinusoid(along(side, side))) &&
      (repeats(line, side, 1) || repeats(line, 1, side));
    if (!isSinusoid(line) && !isOnGrid()) return false;
    if (at(line, 0) !== at(line, 1) || at(line, 0) !== at(line, side)) moving++;
  }
  return moving * 2 > columns;
}

/** Numbers at equal distances in a tensor. */
interface Series {
  readonly x: ArrayLike<number>;
  readonly from: number;
  readonly step: number;
  readonly length: number;
}

const at = ({ x, from, step }: Series, i: number) => x[from + i * step];

/** Whether each number equals the one `period` places before it, within runs of `run` numbers that restart after every `period · run`. */
function repeats(series: Series, period: number, run: number): boolean {
  for (let i = 0; i < series.length; i++) {
    const same = run === 1 ? i % period : i - (i % run);
    if (!near(at(series, i), at(series, same), 1)) return false;
  }
  return true;
}

/** xₖ₊₁ + xₖ₋₁ = 2·cos ω·xₖ, which holds for sines and cosines of evenly spaced angles; ω by least squares. */
function isSinusoid(series: Series): boolean {
  const { length } = series;
  // A few numbers are enough to reject most tensors.
  return length >= ENOUGH && fits(series, Math.min(length, 8)) && (length <= 8 || fits(series, length));
}

function fits(series: Series, length: number): boolean {
  let product = 0;
  let square = 0;
  for (let i = 0; i < length; i++) {
    const value = at(series, i);
    if (!(Math.abs(value) <= 1 + 1e-5)) return false;
    if (i === 0 || i === length - 1) continue;
    product += (at(series, i + 1) + at(series, i - 1)) * value;
    square += value * value;
  }
  const twice = square > 0 ? product / square : 0;
  let error = 0;
  for (let i = 1; i < length - 1; i++) error += (at(series, i + 1) + at(series, i - 1) - twice * at(series, i)) ** 2;
  return error <= 4e-8 * (square + 1e-12);
}

/** Few columns, with far fewer different values than rows, each of which occurs equally often. */
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
