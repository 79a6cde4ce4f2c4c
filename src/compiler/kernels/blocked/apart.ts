/** An axis along which a convolution's windows pass over a map. */
export interface Passage {
  readonly length: number;
  readonly out: number;
  readonly kernel: number;
  readonly stride: number;
  readonly dilation: number;
  /** Zeros at the start. */
  readonly begin: number;
}

/** The period of concatenated maps, in results. The zeros between the maps are enough that no window sees two maps. */
export function periodOf({ length, out, kernel, stride, dilation, begin }: Passage): number {
  const seen = stride * (out - 1) + dilation * (kernel - 1) + 1 - begin;
  return Math.max(out, Math.ceil((length + begin) / stride), Math.ceil(seen / stride));
}

/** Zeros that windows see after the period of the last map; negative if windows end before the period does. */
export const beyondPeriod = ({ kernel, stride, dilation, begin }: Passage): number =>
  dilation * (kernel - 1) + 1 - stride - begin;
