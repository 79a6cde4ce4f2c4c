export type { Space, SpaceInput, Values } from './space.ts';
export {
  isSweep,
  resumeSweep,
  type SweepEvent,
  type SweepHooks,
  type SweepOutcome,
  type SweepPlanInput,
  type SweepRequest,
  sweep,
} from './sweep.ts';
export type { RankedTrial, RunStatus, Trial, TrialRun } from './trials.ts';
