/**
 * Learning-rate schedules: factors on the base rate over the steps of a stage. Each equals PyTorch's scheduler of that name
 * (`torch.optim.lr_scheduler`), stepped once an update.
 */
export interface ScheduleOptions {
  readonly name: ScheduleName;
  /** Share of the stage's steps, at its start, in which the rate rises in a line from near zero: 0 to 1. */
  readonly warmup: number;
  /** linear, cosine: the factor at the end. */
  readonly end: number;
  /** step: the rate is multiplied by `gamma` after every `every` epochs. */
  readonly gamma: number;
  readonly every: number;
}

/** The factor at step `t` of `total`, both counted without the warm-up's steps. */
type Schedule = (t: number, total: number, options: ScheduleOptions & { readonly stepsPerEpoch: number }) => number;

const SCHEDULES = {
  constant: () => 1,
  // 1 + (end − 1)·t/T      (LinearLR with start_factor 1)
  linear: (t, total, { end }) => 1 + (end - 1) * Math.min(t / total, 1),
  // end + (1 − end)·(1 + cos(πt/T))/2      (CosineAnnealingLR)
  cosine: (t, total, { end }) => end + ((1 - end) * (1 + Math.cos((Math.PI * Math.min(t, total)) / total))) / 2,
  // γ^⌊t/s⌋      (StepLR)
  step: (t, _, { gamma, every, stepsPerEpoch }) => gamma ** Math.floor(t / (every * stepsPerEpoch)),
} satisfies Record<string, Schedule>;

export type ScheduleName = keyof typeof SCHEDULES;
export const SCHEDULE_NAMES = Object.keys(SCHEDULES) as [ScheduleName, ...ScheduleName[]];

/** The factor on the learning rate at step `t` (from 0) of a stage of `total` steps. */
export function scheduleFactor(options: ScheduleOptions, t: number, total: number, stepsPerEpoch: number): number {
  const warm = Math.round(options.warmup * total);
  // LinearLR with start_factor 1/(W + 1) and total_iters W, then the schedule from its start (SequentialLR).
  if (t < warm) return (t + 1) / (warm + 1);
  const schedule: Schedule = SCHEDULES[options.name];
  return schedule(t - warm, Math.max(1, total - warm), { ...options, stepsPerEpoch });
}
