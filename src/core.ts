/**
 * The session on a platform of your own: it runs in browsers and in Node alike, and knows no files, no terminal and no ONNX Runtime. The
 * platform gives it a `Runtime`, the data and a reader of images.
 *
 * @module thaw/core
 */
export type {
  Batch,
  BatchSource,
  Dataset,
  ImageReader,
  LabelReading,
  Pixels,
  Preprocessing,
  Sample,
} from './data/index.ts';
export type { TextFormat } from './data/text/index.ts';
export { type ErrorCode, ThawError } from './errors.ts';
export { type OwnRoundRequest, ownRound, type RoundOutcome } from './federated/index.ts';
export { type Model, readModel, type Tensor, tensor, writeModel } from './onnx/index.ts';
export type { Runtime, Session as RuntimeSession } from './runtime/index.ts';
export {
  type BestStore,
  type DatasetReading,
  type InputFormat,
  type LoadedModel,
  loadedModel,
  type ModelFiles,
  type OpenedSession,
  openSession,
  Predictor,
  type ReadDataset,
  type ReopenRequest,
  reopenSession,
  type Session,
  type SessionEvent,
  type SessionPlatform,
  type SessionRequest,
  type TrainSettingsInput as Config,
} from './session/index.ts';
export type { EpochEvaluation, Prediction, TaskEvaluation as Evaluation, TaskName } from './tasks/index.ts';
export { type Checkpoint, FeatureCache, readCheckpoint, writeCheckpoint } from './training/index.ts';
