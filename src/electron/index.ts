/** For Electron's main process. */
export { preload, startTraining, type Training, type TrainingOptions } from './main.ts';
