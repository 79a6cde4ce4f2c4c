/** Indices of `most` of so many items at equal steps; of all, if there are no more. */
export const atEqualSteps = (length: number, most: number): number[] =>
  Array.from({ length: Math.min(length, most) }, (_, i) => Math.floor((i * length) / Math.min(length, most)));
