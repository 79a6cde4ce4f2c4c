import type { Tensor } from '../../../src/onnx/index.ts';

export interface ConvolutionCase {
  readonly x: readonly number[];
  readonly w: readonly number[];
  readonly group: number;
  readonly strides: readonly number[];
  readonly dilations: readonly number[];
  readonly pads: readonly number[];
}

export const count = (shape: readonly number[]): number => shape.reduce((all, d) => all * d, 1);

/** All index tuples of a shape; the last index changes fastest. */
export function* indices(shape: readonly number[]): Generator<number[]> {
  const total = count(shape);
  for (let flat = 0; flat < total; flat++) {
    const index = new Array<number>(shape.length);
    for (let i = shape.length - 1, rest = flat; i >= 0; i--) {
      index[i] = rest % shape[i];
      rest = Math.floor(rest / shape[i]);
    }
    yield index;
  }
}

const offset = (shape: readonly number[], index: readonly number[]): number =>
  index.reduce((at, v, i) => at * shape[i] + v, 0);

export const outputShape = ({ x, w, strides, dilations, pads }: ConvolutionCase): number[] => [
  x[0],
  w[0],
  ...w.slice(2).map((k, i) => {
    const padded = x[2 + i] + pads[i] + pads[w.length - 2 + i];
    return Math.floor((padded - dilations[i] * (k - 1) - 1) / strides[i]) + 1;
  }),
];

/** Calls `visit` with the offsets in x, w and y of every product in a convolution's sums. */
function products(c: ConvolutionCase, visit: (x: number, w: number, y: number) => void): void {
  const y = outputShape(c);
  const [perGroupOut, perGroupIn] = [c.w[0] / c.group, c.x[1] / c.group];
  for (const out of indices(y)) {
    for (const tap of indices(c.w.slice(1))) {
      const at = tap.slice(1).map((t, i) => out[2 + i] * c.strides[i] - c.pads[i] + t * c.dilations[i]);
      if (at.some((h, i) => h < 0 || h >= c.x[2 + i])) continue;
      const channel = Math.floor(out[1] / perGroupOut) * perGroupIn + tap[0];
      visit(offset(c.x, [out[0], channel, ...at]), offset(c.w, [out[1], ...tap]), offset(y, out));
    }
  }
}

export function inputGradient(c: ConvolutionCase, dy: Tensor, w: Tensor): Float64Array {
  const result = new Float64Array(count(c.x));
  products(c, (i, j, k) => {
    result[i] += Number(dy.data[k]) * Number(w.data[j]);
  });
  return result;
}

export function weightGradient(c: ConvolutionCase, x: Tensor, dy: Tensor): Float64Array {
  const result = new Float64Array(count(c.w));
  products(c, (i, j, k) => {
    result[j] += Number(dy.data[k]) * Number(x.data[i]);
  });
  return result;
}

export interface PoolingCase {
  readonly kernel: readonly number[];
  readonly strides: readonly number[];
  readonly dilations: readonly number[];
  readonly pads: readonly number[];
  readonly ceil_mode?: number;
  readonly count_include_pad?: number;
}

/** Offsets in x of the elements of each window, and the number of window positions inside the padded input. */
function* windows(c: PoolingCase, x: readonly number[], y: readonly number[]) {
  const rank = c.kernel.length;
  for (const out of indices(y)) {
    const inside: number[] = [];
    let padded = 0;
    for (const tap of indices(c.kernel)) {
      const at = tap.map((t, i) => out[2 + i] * c.strides[i] - c.pads[i] + t * c.dilations[i]);
      if (at.every((h, i) => h < x[2 + i] + c.pads[rank + i])) padded++;
      if (at.every((h, i) => h >= 0 && h < x[2 + i])) inside.push(offset(x, [out[0], out[1], ...at]));
    }
    yield { inside, padded, y: offset(y, out) };
  }
}

export function averagePoolGradient(c: PoolingCase, dy: Tensor, x: readonly number[]): Float64Array {
  const result = new Float64Array(count(x));
  for (const { inside, padded, y } of windows(c, x, dy.shape)) {
    const share = Number(dy.data[y]) / (c.count_include_pad ? padded : inside.length);
    for (const at of inside) result[at] += share;
  }
  return result;
}

export function maxPoolGradient(c: PoolingCase, dy: Tensor, x: Tensor): Float64Array {
  const result = new Float64Array(count(x.shape));
  for (const { inside, y } of windows(c, x.shape, dy.shape)) {
    const first = inside.reduce((best, at) => (x.data[at] > x.data[best] ? at : best));
    result[first] += Number(dy.data[y]);
  }
  return result;
}
