import type { ModelRequest, RemoteClient } from '../../worker/index.ts';

/** The world outside of the page's state. */
export interface StudioHost {
  /** Starts a worker (or a process) that trains. */
  start(): RemoteClient;
  /** The embedded model, as `open` takes it. */
  embedded(): Promise<ModelRequest>;
  /** Name under which the worker keeps the training; undefined if the browser keeps nothing. */
  readonly project: string | undefined;
}
