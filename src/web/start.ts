import { connect, type RemoteClient, webPort } from '../remote/index.ts';
import type { WebPlatformOptions } from './platform.ts';

export interface WorkerOptions extends WebPlatformOptions {
  /** The worker, where a bundler makes it from `thaw/web/worker`; the one beside this script unless given. */
  readonly worker?: Worker;
}

/**
 * Starts a worker that trains, and gives a client of it. The model, the pictures and all that is computed of them stay in the
 * page.
 */
export function startWorker({ worker, ...platform }: WorkerOptions = {}): RemoteClient {
  const started = worker ?? new Worker(new URL('./worker.js', import.meta.url), { type: 'module' });
  started.postMessage(platform);
  return connect(webPort(started));
}
