/**
 * Thaw in a page: training and finished models in a worker. Nothing leaves the page.
 *
 * @module thaw/web
 */
export { overlayPixels } from '../data/index.ts';
export { type ErrorCode, ThawError } from '../errors.ts';
export { fetchTransport, runNode } from '../federated/flower/index.ts';
export { type WebRuntimeOptions, webRuntime } from '../runtime/web/sessions.ts';
export type { Explanation, LoadedModel, PredictionSettings, TrainingSettings } from '../session/index.ts';
export type { EpochEvaluation, Prediction, TaskEvaluation as Evaluation, TaskName } from '../tasks/index.ts';
export { answersBy, type Finished, type Opened, type RemoteEvent } from '../worker/index.ts';
export { folderAsZip } from './download.ts';
export { loadModel } from './load-model.ts';
export { modelFetch } from './model-fetch.ts';
export type { PageImage, PageModel, PageOpenRequest } from './page-inputs.ts';
export { type PageClient, type PageTraining, startWorker, type WorkerOptions } from './start.ts';
