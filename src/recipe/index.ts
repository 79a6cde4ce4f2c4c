/** What to train and how, on any platform: settings, the model made ready, how pictures become its input. */

export { mergedState, withAdapters } from './adapters.ts';
export { balancedWeights, classCounts, withClassWeights } from './class-balance.ts';
export { withEpochs } from './epochs.ts';
export {
  checkModel,
  type FinishedModel,
  finishModel,
  type Measured,
  type ModelCheck,
  measure,
  predicted,
  shippedCheckpoint,
  type Trained,
  type Unmeasured,
} from './finish.ts';
export type { ClassNames, ContinuedClasses, KnownClasses } from './known-classes.ts';
export { keptBytes, type MemoryPlan, type MemoryRequest, memoryWithoutData, planMemory, textSizes } from './memory.ts';
export { newHead, optionsOf } from './new-head.ts';
export { ASSUMED, EXACT } from './notices.ts';
export {
  blendedPictures,
  type ChosenPreprocessing,
  choosePreprocessing,
  inputShapes,
  openInputShapes,
} from './pictures.ts';
export {
  anatomized,
  dataInputsOf,
  inferNetwork,
  networkOf,
  type Prepared,
  type PrepareOptions,
  prepareModel,
  scoresOf,
  withHead,
} from './prepare.ts';
export { type RecommendedSettings, recommendationOf, withRecommended } from './recommended.ts';
export { refuseSettingsOfRuns } from './session-settings.ts';
export {
  type ClassifierSettings,
  type PictureSettings,
  readClassifierSettings,
  readSettings,
  settingNames,
  type TextSettings,
  type TrainSettings,
  type TrainSettingsInput,
  trainingConfigOf,
} from './settings.ts';
export { chooseText, MAX_LENGTH, type TextFiles, takesTexts, textShapes } from './texts.ts';
