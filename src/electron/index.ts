/**
 * For Electron's main process.
 *
 * @module thaw/electron
 */
export { preload, startTraining, type Training, type TrainingOptions, type TrainingWindow } from './main.ts';
