export { type ArtifactsRequest, writeArtifacts } from './artifacts.ts';
export { type CalibrateOutcome, type CalibrateRequest, calibrate } from './calibrate.ts';
export { type CleanOutcome, type CleanRequest, clean } from './clean/index.ts';
export { type EvaluateRequest, evaluate } from './evaluate.ts';
export type { JobEvent, JobHooks } from './events.ts';
export { type ExplainRequest, explain, type FileExplanation } from './explain.ts';
export { type ExportOutcome, type ExportRequest, exportRun } from './export.ts';
export {
  type FederatedAppRequest,
  type FinishFederationRequest,
  finishFederation,
  type JoinHooks,
  type JoinRequest,
  joinFederation,
  type SuperLinkAddress,
  writeFederatedApp,
} from './federated/index.ts';
export { type FindLrRequest, findLr } from './find-lr.ts';
export type { TrainingResult } from './finish.ts';
export { type InspectRequest, inspectModel, type ModelInspection } from './inspect.ts';
export type { MeasuredSamples } from './measured.ts';
export { type MergeOutcome, type MergeRequest, merge } from './merge.ts';
export { type FetchedModel, getModel, type ListedModel, listedModels, type StepTime } from './models.ts';
export { type OpenPredictorRequest, openPredictor } from './open-predictor.ts';
export { type PredictedSample, type PredictRequest, predict } from './predict.ts';
export { type Preview, type PreviewRequest, previewImages } from './preview.ts';
export { type PullOutcome, type PullRequest, pull } from './pull.ts';
export { type PushOutcome, type PushRequest, push } from './push.ts';
export { resume } from './resume.ts';
export { type FirstStateRequest, firstState, type RoundRequest, round } from './round/index.ts';
export { serveStudio } from './studio.ts';
export { type Suggestion, type Suggestions, type SuggestRequest, suggest } from './suggest/index.ts';
export {
  isSweep,
  type RankedTrial,
  resumeSweep,
  type SweepEvent,
  type SweepHooks,
  type SweepOutcome,
  type SweepPlanInput,
  type SweepRequest,
  sweep,
} from './sweep/index.ts';
export { type TrainRequest, train } from './train.ts';
