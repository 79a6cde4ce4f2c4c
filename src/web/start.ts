import type { TaskName } from '../tasks/index.ts';
import { connect, type RemoteClient, type RemoteTraining, webPort } from '../worker/index.ts';
import { fromPage, type PageImage, type PageModel } from './page-inputs.ts';
import type { WebPlatformOptions } from './platform.ts';

/** Where the worker and ONNX Runtime's files are. */
export interface WorkerOptions extends WebPlatformOptions {
  /** The worker, if a bundler makes it from `thaw/web/worker`; the one next to this script unless given. */
  readonly worker?: Worker;
}

/** A client that takes models and images as pages have them. */
export type PageClient = RemoteClient<PageImage, PageModel>;

/** A training that is open in the worker. */
export type PageTraining<T extends TaskName = 'classification'> = RemoteTraining<T, PageImage>;

/**
 * Starts a worker that trains and predicts, and gives a client of it. The model, the samples and the results stay in the page.
 *
 * @example
 * ```ts
 * import { startWorker } from 'thaw/web';
 *
 * const worker = startWorker();
 * const images = Array.from(document.querySelector('input')!.files!); // cat-1.jpg, dog-1.jpg, …
 * const samples = images.map((image) => ({ image, label: image.name.split('-')[0] }));
 * const training = await worker.open({ model: '/models/resnet.onnx', samples });
 * await training.train();
 * const [{ label, probability }] = await training.predict([images[0]]);
 * console.log(label, probability);
 * ```
 */
export function startWorker({ worker, assets, threads }: WorkerOptions = {}): PageClient {
  const started = worker ?? new Worker(new URL('./worker.js', import.meta.url), { type: 'module' });
  // An address in the worker would be relative to its script.
  const platform: WebPlatformOptions = {
    assets: assets === undefined ? assets : new URL(assets, location.href).href,
    threads,
  };
  started.postMessage(platform);
  return connect(webPort(started), fromPage);
}
