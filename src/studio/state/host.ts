import type { RemoteClient } from '../../worker/index.ts';

/** What lies outside of the page's state. */
export interface StudioHost {
  /** Starts a worker (or a process) that trains. */
  start(): RemoteClient;
  /** The embedded model, as `open` takes it. */
  embedded(): Promise<{ readonly model: Uint8Array; readonly preprocessorConfig: unknown; readonly config: unknown }>;
  /** Name under which the worker keeps the training; undefined where the browser keeps nothing. */
  readonly project: string | undefined;
}
