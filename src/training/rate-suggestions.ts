/**
 * The suggestions of a learning-rate range test: fastai's three rules on a smoothed curve. On a clear curve they agree on the order of
 * magnitude.
 */

export interface RatePoint {
  readonly lr: number;
  readonly loss: number;
  readonly smoothed: number;
}

export interface RateSuggestions {
  /** The rate at which the loss falls fastest over ln(rate). Of the three, it varies least with the seed. */
  readonly steep: number;
  /** Half way into the longest fall: more cautious. */
  readonly valley: number;
  /** A tenth of the rate with the lowest loss. */
  readonly minimum: number;
}

/** Each loss with the mean of its neighbourhood, taken twice. Unlike a running average, it does not lag behind. */
export function smoothed(losses: readonly { readonly lr: number; readonly loss: number }[]): RatePoint[] {
  const reach = Math.max(2, Math.round(losses.length / 20));
  const once = means(
    losses.map(({ loss }) => loss),
    reach,
  );
  const twice = means(once, reach);
  return losses.map((point, i) => ({ ...point, smoothed: twice[i] }));
}

/** The mean around each value, over as many values on one side as on the other. */
const means = (values: readonly number[], reach: number): number[] =>
  values.map((_, i) => {
    const side = Math.min(reach, i, values.length - 1 - i);
    const near = values.slice(i - side, i + side + 1);
    return near.reduce((all, value) => all + value, 0) / near.length;
  });

/** Points left out at the end, which have too few neighbours to be smooth. At the start a tenth is left out (as in fastai's `lr_find`). */
const LAST = 5;

/**
 * The suggestions, to two digits; null if the loss never falls by more than its noise. The rules look at the curve only up to its lowest
 * point.
 */
export function suggestRates(points: readonly RatePoint[]): RateSuggestions | null {
  const smooth = points.slice(Math.floor(points.length / 10), -LAST);
  const lowest = Math.min(...smooth.map((point) => point.smoothed));
  const seen = smooth.slice(0, smooth.findIndex((point) => point.smoothed === lowest) + 1);
  if (seen.length < 2 || !falls(points, lowest)) return null;
  const rates = seen.map(({ lr }) => lr);
  const losses = seen.map((point) => point.smoothed);
  const round = (rate: number) => Number(rate.toPrecision(2));
  return {
    steep: round(steep(rates, losses)),
    valley: round(valley(rates, losses)),
    minimum: round(minimum(rates, losses)),
  };
}

/** Whether the smoothed loss falls below the mean of the first quarter by more than the standard deviation of the losses there. */
function falls(points: readonly RatePoint[], lowest: number): boolean {
  const first = points.slice(0, Math.max(2, Math.floor(points.length / 4))).map(({ loss }) => loss);
  const mean = first.reduce((all, loss) => all + loss, 0) / first.length;
  const std = Math.sqrt(first.reduce((all, loss) => all + (loss - mean) ** 2, 0) / first.length);
  return mean - lowest > std;
}

/**
 * The rate at e − L + ⌊L/3⌋ + ⌊L/6⌋. L is the length of the longest decreasing subsequence, and e the end of the first one of that length
 * (fastai's `valley`)
 */
export function valley(rates: readonly number[], losses: readonly number[]): number {
  const lengths: number[] = [];
  for (const loss of losses) {
    const before = lengths.filter((_, j) => losses[j] > loss);
    lengths.push(1 + Math.max(0, ...before));
  }
  const longest = Math.max(...lengths);
  const at = lengths.indexOf(longest) - longest + Math.floor(longest / 3) + Math.floor(longest / 6);
  return rates[Math.max(0, at)];
}

/** The rate at argmin (ℓᵢ₊₁ − ℓᵢ)/(ln ηᵢ₊₁ − ln ηᵢ)      (fastai's `steep`) */
export function steep(rates: readonly number[], losses: readonly number[]): number {
  const slopes = losses.slice(1).map((loss, i) => (loss - losses[i]) / Math.log(rates[i + 1] / rates[i]));
  return rates[slopes.indexOf(Math.min(...slopes))];
}

/** A tenth of the rate at argmin ℓ      (fastai's `minimum`) */
export const minimum = (rates: readonly number[], losses: readonly number[]): number =>
  rates[losses.indexOf(Math.min(...losses))] / 10;
