import { averageOf, isAverage } from '../compiler/step/index.ts';
import type { Tensor } from '../onnx/index.ts';

/** An exponential moving average of the weights. Each update moves it by 1 − decay of the way to the new weights. */
export interface Averaging {
  /** The part of the average that each update keeps, 0 to 1. */
  readonly decay: number;
  /** How the decay rises to that value, so that the first weights leave the average soon. */
  readonly warmup: keyof typeof WARMUPS;
}

/** The greatest decay at update t, from 1. */
const WARMUPS = {
  // 1 − t^(−2/3)      (timm's ModelEmaV3 with use_warmup, after Katherine Crowson)
  power: (t: number) => 1 - t ** (-2 / 3),
  // (1 + t)/(10 + t)      (tf.train.ExponentialMovingAverage with num_updates)
  tensorflow: (t: number) => (1 + t) / (10 + t),
  none: () => 1,
};
export const WARMUP_NAMES = Object.keys(WARMUPS) as [Averaging['warmup'], ...Averaging['warmup'][]];

/** The average's decay at an update. @param step number of the update over the whole run, from 1 */
export const decayAt = ({ decay, warmup }: Averaging, step: number): number => Math.min(decay, WARMUPS[warmup](step));

/** The state with averages instead of the weights that have one. */
export function averagedState(state: ReadonlyMap<string, Tensor>): Map<string, Tensor> {
  const rest = [...state].filter(([name]) => !isAverage(name));
  return new Map(rest.map(([name, value]) => [name, state.get(averageOf(name)) ?? value]));
}
