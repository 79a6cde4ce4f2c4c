/** Scales and ticks of charts. */

/** Position of a value on its axis: 0 at `low`, 1 at `high`. */
export interface Scale {
  readonly low: number;
  readonly high: number;
  readonly ticks: readonly number[];
  readonly log: boolean;
  readonly place: (value: number) => number;
}

/** About `wanted` round numbers (1, 2 or 5 times a power of ten) that cover `low` to `high`. */
function roundTicks(low: number, high: number, wanted: number): number[] {
  const rough = (high - low) / wanted;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * ([1, 2, 5].find((factor) => factor * power >= rough * 0.999) ?? 10);
  const first = Math.floor(low / step + 1e-9);
  const last = Math.ceil(high / step - 1e-9);
  return Array.from({ length: last - first + 1 }, (_, i) => Number(((first + i) * step).toPrecision(12)));
}

/** The smallest and the largest value. A chart can have more points than a call takes arguments. */
function ends(values: readonly number[]): [number, number] {
  let [least, most] = [values[0], values[0]];
  for (const value of values) {
    least = Math.min(least, value);
    most = Math.max(most, value);
  }
  return [least, most];
}

/** A linear axis with round ends that covers the finite values of `values` and `include`. */
export function linearScale(values: readonly number[], include: readonly number[] = []): Scale {
  const finite = [...values.filter(Number.isFinite), ...include];
  let [low, high] = finite.length ? ends(finite) : [0, 1];
  if (high - low <= 1e-12 * Math.max(Math.abs(low), Math.abs(high))) {
    const around = Math.abs(high) / 2 || 1;
    low -= around;
    high += around;
  }
  const ticks = roundTicks(low, high, 4);
  low = ticks[0];
  high = ticks[ticks.length - 1];
  return { low, high, ticks, log: false, place: (value) => (value - low) / (high - low) };
}

/** A logarithmic axis that covers the positive finite values. Ticks are powers of ten, or 1, 2 and 5 if there is only one power. */
export function logScale(values: readonly number[]): Scale {
  const positive = values.filter((value) => Number.isFinite(value) && value > 0);
  const [smallest, largest] = positive.length ? ends(positive) : [1, 1];
  let bottom = Math.floor(Math.log10(smallest) + 1e-9);
  let top = Math.ceil(Math.log10(largest) - 1e-9);
  if (bottom === top) {
    bottom--;
    top++;
  }
  const every = Math.ceil((top - bottom) / 5);
  const ticks: number[] = [];
  for (let power = bottom; power <= top; power += every) {
    ticks.push(Number(`1e${power}`));
    if (top - bottom === 1 && power < top) ticks.push(Number(`2e${power}`), Number(`5e${power}`));
  }
  return {
    low: 10 ** bottom,
    high: 10 ** top,
    ticks,
    log: true,
    place: (value) => (value > 0 ? (Math.log10(value) - bottom) / (top - bottom) : Number.NaN),
  };
}
