import type { RemoteClient } from '../../remote/index.ts';

/** A worker that trains. */
export interface Engine {
  readonly client: RemoteClient;
  /** Calls when it has died, of a lack of memory, say. */
  onCrash(take: (reason: string) => void): void;
}

/** What lies outside of the page's state. */
export interface Surroundings {
  startEngine(): Engine;
  /** The embedded model, as `open` takes it. */
  embedded(): Promise<{ readonly model: Uint8Array; readonly preprocessorConfig: unknown; readonly config: unknown }>;
  /** Name under which the worker keeps the training; undefined where the browser keeps nothing. */
  readonly project: string | undefined;
}
