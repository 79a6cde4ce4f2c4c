/** Thaw in a page: training in a worker, or with the core's parts by hand. */
export * from '../core.ts';
export { type WebRuntimeOptions, webRuntime } from '../runtime/web/sessions.ts';
export { folderAsZip } from './download.ts';
export { type LoadOptions, loadModel } from './load-model.ts';
export { modelFetch } from './model-fetch.ts';
export type { PageImage, PageModel, PageOpenRequest } from './page-inputs.ts';
export { type PageClient, startWorker, type WorkerOptions } from './start.ts';
