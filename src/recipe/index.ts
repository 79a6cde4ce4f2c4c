/** What to train and how, on any platform: settings, the model made ready, how pictures become its input. */
export { nearestHint } from './nearest.ts';
export { type ChosenPreprocessing, choosePreprocessing, inputShapes, openInputShapes } from './pictures.ts';
export {
  dataInputsOf,
  inferNetwork,
  networkOf,
  type Prepared,
  type PrepareOptions,
  prepareModel,
  runnable,
  scoresOf,
  withHead,
} from './prepare.ts';
export {
  type ClassifierSettings,
  type PictureSettings,
  readClassifierSettings,
  readSettings,
  settingNames,
  type TrainSettings,
  type TrainSettingsInput,
  trainingConfigOf,
} from './settings.ts';
