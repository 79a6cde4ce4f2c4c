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

/** Results from one map to the next, if maps lie one after the other with enough zeros between them that no window sees two maps. */
export function periodOf({ length, out, kernel, stride, dilation, begin }: Passage): number {
  const seen = stride * (out - 1) + dilation * (kernel - 1) + 1 - begin;
  return Math.max(out, Math.ceil((length + begin) / stride), Math.ceil(seen / stride));
}

/** Zeros that windows see after the period of the last map; negative if they see less than the period. */
export const beyondPeriod = ({ kernel, stride, dilation, begin }: Passage): number =>
  dilation * (kernel - 1) + 1 - stride - begin;
