export type { Space, SpaceInput, Values } from './space.ts';
export { isSweep, type SweepPlanInput } from './state.ts';
export {
  resumeSweep,
  type SweepEvent,
  type SweepHooks,
  type SweepOutcome,
  type SweepRequest,
  sweep,
} from './sweep.ts';
export type { RankedTrial, RunStatus, Trial, TrialRun } from './trials.ts';
