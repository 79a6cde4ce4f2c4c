import type { RoundOutcome } from '../federated/index.ts';
import { connect, type Opened, type Predicted, type RemoteClient, webPort } from '../worker/index.ts';
import { blobsOf, type PageImage, type PageOpenRequest, type PageRoundRequest, withBytes } from './page-inputs.ts';
import type { WebPlatformOptions } from './platform.ts';

export interface WorkerOptions extends WebPlatformOptions {
  /** The worker, where a bundler makes it from `thaw/web/worker`; the one beside this script unless given. */
  readonly worker?: Worker;
}

/** A client that takes models and images as pages have them. */
export interface PageClient extends Omit<RemoteClient, 'open' | 'predict' | 'round'> {
  open(request: PageOpenRequest): Promise<Opened>;
  predict(images: readonly PageImage[]): Promise<readonly Predicted[]>;
  round(request: PageRoundRequest): Promise<RoundOutcome>;
}

/**
 * Starts a worker that trains, and gives a client of it. The model, the images and all that is computed of them stay in the
 * page.
 */
export function startWorker({ worker, ...platform }: WorkerOptions = {}): PageClient {
  const started = worker ?? new Worker(new URL('./worker.js', import.meta.url), { type: 'module' });
  started.postMessage(platform);
  const client = connect(webPort(started));
  return {
    ...client,
    open: async (request) => client.open(await withBytes(request)),
    round: async (request) => client.round(await withBytes(request)),
    predict: async (images) => client.predict(await blobsOf(images)),
  };
}
