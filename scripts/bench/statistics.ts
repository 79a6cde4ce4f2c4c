/** The value below which a fraction `part` of the values lies, interpolated linearly. NaN if there are no values. */
export function quantile(values: readonly number[], part: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (sorted.length - 1) * part;
  const low = Math.floor(at);
  if (sorted.length === 0) return Number.NaN;
  return sorted[low] + (at - low) * ((sorted[low + 1] ?? sorted[low]) - sorted[low]);
}

export const median = (values: readonly number[]): number => quantile(values, 0.5);

export const mean = (values: readonly number[]): number => values.reduce((all, v) => all + v, 0) / values.length;

/** The standard deviation of a sample. NaN for fewer than two values. */
export function standardDeviation(values: readonly number[]): number {
  const center = mean(values);
  return Math.sqrt(values.reduce((all, value) => all + (value - center) ** 2, 0) / (values.length - 1));
}
