/** One fine-tuning, from a model and its data to a finished model, on any platform. */

export { mergedState, withAdapters } from './adapters.ts';
export { type AnswerMaps, answerMaps, type ExplainedAnswers } from './answer-maps.ts';
export { type ArtifactContext, type ArtifactPosition, artifactCheckpoint, compileArtifacts } from './artifacts.ts';
export { BatchedModel } from './batched-model.ts';
export { balancedWeights, withClassWeights } from './class-balance.ts';
export {
  type Compiled,
  type CompileHostOptions,
  type CompileOptions,
  type CompileSource,
  compileModel,
  type FloatTensor,
  type PlannedGraphs,
  planGraphs,
} from './compile.ts';
export { noticeMismatch } from './data-fit.ts';
export {
  type DatasetReading,
  describeData,
  keptReading,
  knownLabels,
  onClasses,
  openDataset,
  type ReadDataset,
  taskOf,
} from './dataset.ts';
export { withDecidedPlan } from './decided-plan.ts';
export { withEpochs } from './epochs.ts';
export type { SessionEvent, SessionHooks } from './events.ts';
export { imageFormat } from './explain-images.ts';
export {
  baselines,
  type Completeness,
  type ExplainOptions,
  type Explanation,
} from './explainer.ts';
export {
  type FeatureBatch,
  FeatureExtractor,
  type FeatureLayout,
  type FeatureRequest,
  featureRows,
  joinBatches,
  withFeatures,
} from './features.ts';
export {
  checkModel,
  compareReading,
  type FinishedModel,
  finishModel,
  type Measured,
  type ModelCheck,
  measure,
  predicted,
  type Trained,
  type Unmeasured,
} from './finish.ts';
export { refuseSettingsOfRuns } from './host-settings.ts';
export { type ChosenPreprocessing, choosePreprocessing, inputShapes, openInputShapes } from './images.ts';
export { type InputFormat, inputFormatOf, type ModelFiles, noticeQuantized, nounOf } from './input-format.ts';
export type { ClassNames, ContinuedClasses, KnownClasses } from './known-classes.ts';
export {
  callable,
  explanations,
  inputPredictions,
  inputSource,
  type LoadedModel,
  loadedModel,
  type RankedPrediction,
  type ReaderOf,
  type TopOptions,
} from './loaded-model.ts';
export { type MemoryPlan, type MemoryRequest, memoryWithoutData, planMemory, textSizes } from './memory.ts';
export { type ModelKind, modelKind, refuseOtherKinds } from './model-kind.ts';
export { newHead, optionsOf } from './new-head.ts';
export { EXACT } from './notices.ts';
export {
  featureBytes,
  type OpenedSession,
  openFeatures,
  openSession,
  type ReopenRequest,
  reopenSession,
  type SessionPlatform,
  type SessionRequest,
  sizesOf,
} from './open.ts';
export { withOutput } from './output.ts';
export { checkTask, Predictor, type PredictorRequest } from './predictor.ts';
export {
  anatomized,
  inferNetwork,
  networkOf,
  type Prepared,
  type PrepareOptions,
  prepareModel,
  scoresOf,
  withHead,
} from './prepare.ts';
export { noticeRecommended, type RecommendedSettings, recommendationOf, withRecommended } from './recommended.ts';
export { type BestStore, inMemory, Session, type SessionParts, type SessionResult } from './session.ts';
export {
  type ImageSettings,
  type NamedTask,
  type PredictionSettings,
  readPredictionSettings,
  readSettings,
  settingNames,
  settingsOf,
  type TaskRequest,
  type TextSettings,
  type TrainingSettings,
  type TrainSettings,
  type TrainSettingsInput,
  trainingConfigOf,
} from './settings.ts';
export { openSources, plainSource, type SourcePlatform, type Sources } from './sources.ts';
export { measureStep, STEP_SAMPLES } from './step-time.ts';
export { chooseText, MAX_LENGTH, type TextFiles, takesTexts } from './texts.ts';
export { fitUnknownSamples, Recogniser } from './unknown.ts';
