/** For Electron's main process. */
export { preload, startTraining, type Training, type TrainingOptions, type TrainingWindow } from './main.ts';
