export { type Averaging, averagedState, decayAt } from './averaging.ts';
export {
  type Checkpoint,
  checkpointFile,
  readCheckpoint,
  readRow,
  writeCheckpoint,
  writeRow,
} from './checkpoint.ts';
export { checkCheckpoint } from './checkpoint-check.ts';
export {
  parseConfig,
  type StageConfig,
  type TrainingConfig,
  type TrainingConfigInput,
  trainingSchema,
} from './config.ts';
export type { Decision } from './decision.ts';
export { Evaluator } from './evaluator.ts';
export type * from './events.ts';
export { STOP_REASONS } from './events.ts';
export { FeatureCache, type FeatureCacheOptions, type FeatureStore } from './features/index.ts';
export type { Finding } from './findings.ts';
export { HeadFeatures } from './head-features.ts';
export { type MemoryEstimate, type MemoryOptions, StageMemory } from './memory.ts';
export { withState } from './network-state.ts';
export { type Anatomy, type PlanAnatomy, PRETRAINED_RATE, type ThawProgress, trainingPlan } from './plan.ts';
export { isAdaptive, laterStages, planStages, stagesOf } from './presets.ts';
export { type Progress, START } from './progress.ts';
export { decisionSchema, findingSchema, rollbackSchema, rowSchema } from './progress-schema.ts';
export { type RatePoint, type RateSuggestions, smoothed, suggestRates } from './rate-suggestions.ts';
export type { Rollback } from './rollback.ts';
export {
  type Moment,
  SCHEDULE_NAMES,
  type ScheduleInput,
  type ScheduleName,
  type ScheduleOptions,
  scheduledMomentum,
  scheduleFactor,
  scheduleSchema,
} from './schedules.ts';
export { CompiledStage, type StageOptions } from './stage.ts';
export { layersOf, stagePlans, stageResults } from './stage-info.ts';
export { secondsOf } from './stopping.ts';
export { Trainer, type TrainerOptions } from './trainer.ts';
export { usualEpochs } from './usual-epochs.ts';
export { viewOf, viewsOf } from './views.ts';
export { withoutEffect } from './without-effect.ts';
