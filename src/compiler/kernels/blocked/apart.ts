/** An axis along which the windows of a convolution pass over a map. */
export interface Passage {
  readonly length: number;
  readonly out: number;
  readonly kernel: number;
  readonly stride: number;
  readonly dilation: number;
  /** Zeros at the beginning. */
  readonly begin: number;
}

/** Results from one map to the next, where they come after one another with as many zeros between that no window sees two of them. */
export function periodOf({ length, out, kernel, stride, dilation, begin }: Passage): number {
  const seen = stride * (out - 1) + dilation * (kernel - 1) + 1 - begin;
  return Math.max(out, Math.ceil((length + begin) / stride), Math.ceil(seen / stride));
}

/** Zeros that windows see beyond the last map's period; below 0 where the last of them see less than it. */
export const beyondPeriod = ({ kernel, stride, dilation, begin }: Passage): number =>
  dilation * (kernel - 1) + 1 - stride - begin;
