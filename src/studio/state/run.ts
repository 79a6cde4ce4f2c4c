/** How a training's events change the state of its run. */
import type { Evaluation } from '../../tasks/index.ts';
import type { RemoteEvent } from '../../worker/index.ts';
import type { Phase, Run } from './types.ts';

export const NO_RUN: Run = {
  phase: 'idle',
  classes: [],
  images: [],
  rows: [],
  trained: [],
  within: 0,
  pace: { steps: 0, seconds: 0 },
};

export function follow(run: Run, event: RemoteEvent): Run {
  switch (event.type) {
    case 'before':
      // The studio trains classifiers.
      return { ...run, before: (event.val as Evaluation).accuracy };
    case 'stage': {
      const { type: _, ...stage } = event;
      return { ...run, stage, pace: { steps: 0, seconds: 0 } };
    }
    case 'step': {
      const seconds = run.pace.seconds + event.waited + event.computed;
      return { ...run, within: event.step / event.steps, pace: { steps: run.pace.steps + 1, seconds } };
    }
    case 'epoch': {
      const { type: _, best: __, ...row } = event;
      const trains = new Set(run.stage?.groups);
      const groups = run.opened?.groups ?? [];
      const trained = groups.map((group, i) => (run.trained[i] ?? 0) + (trains.has(group) ? 1 : 0));
      return { ...run, rows: [...run.rows, row], trained, within: 0 };
    }
    case 'paused':
      return run.phase === 'training' ? { ...run, phase: 'paused' } : run;
    case 'resumed':
      return run.phase === 'paused' ? { ...run, phase: 'training' } : run;
    case 'end':
      return { ...run, why: event.why };
    default:
      return run;
  }
}

export const epochsPlanned = (run: Run): number =>
  run.opened?.stages.reduce((total, { epochs }) => total + epochs, 0) ?? 0;

/** Where a page was closed between the worker's note and its own, a row is missing. */
export const epochsDone = ({ rows }: Run): number => rows.at(-1)?.epoch ?? 0;

/** From 0 to 1. */
export function progress(run: Run): number {
  const planned = epochsPlanned(run);
  return planned ? Math.min(1, (epochsDone(run) + run.within) / planned) : 0;
}

/**
 * Seconds until the last epoch ends, if all go on as this stage's steps and the last epoch did; undefined while nothing is known.
 * Later stages train more layers and take longer, which cannot be known in advance.
 */
export function secondsLeft(run: Run): number | undefined {
  const { opened, stage, pace, rows, within } = run;
  const last = rows.at(-1);
  if (!opened || !stage) return undefined;
  const byEpoch = last?.stage === stage.stage ? last.seconds : undefined;
  const bySteps = pace.steps >= 3 ? (pace.seconds / pace.steps) * opened.stepsPerEpoch : undefined;
  // Cached outputs of the frozen layers make later epochs shorter than the steps so far.
  const epoch = byEpoch ?? bySteps;
  return epoch === undefined ? undefined : Math.max(0, epoch * (epochsPlanned(run) - epochsDone(run) - within));
}

/** Whether the worker is at work for this run. */
export const isBusy = (phase: Phase): boolean =>
  phase === 'opening' || phase === 'training' || phase === 'paused' || phase === 'stopping' || phase === 'finishing';

/** The planned stages, each with its first and last epoch, counted from 0. */
export function plannedBands(run: Run): { readonly train: string; readonly from: number; readonly to: number }[] {
  let from = 0;
  return (run.opened?.stages ?? []).map(({ train, epochs }) => {
    const band = { train, from, to: from + epochs - 1 };
    from += epochs;
    return band;
  });
}
