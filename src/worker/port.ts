import { ThawError } from '../errors.ts';

/** A channel of structured clones, of which every platform has its own kind. */
export interface Port {
  post(message: unknown, transfer?: readonly Transferable[]): void;
  /** Calls `take` with every message. */
  listen(take: (message: unknown) => void): void;
  close(): void;
  /** Calls `take` once with the reason if the other side ends without being asked to. */
  ended?(take: (reason: Error) => void): void;
}

/** The common part of a page's `Worker`, a worker's own scope and a `MessagePort`. */
interface WebPort {
  postMessage(message: unknown, transfer?: Transferable[]): void;
  addEventListener(type: 'message', listener: (event: MessageEvent) => void): void;
  addEventListener(type: 'error', listener: (event: ErrorEvent) => void): void;
  start?(): void;
  close?(): void;
  terminate?(): void;
}

/** A `Worker`, a dedicated worker's `self`, or a `MessagePort` (of the web, and of Electron's renderer). */
export const webPort = (port: WebPort): Port => ({
  post: (message, transfer) => port.postMessage(message, [...(transfer ?? [])]),
  listen(take) {
    port.addEventListener('message', ({ data }) => take(data));
    port.start?.();
  },
  close: () => (port.terminate ? port.terminate() : port.close?.()),
  // Only the page that started a worker can end it and hears of its errors.
  ended:
    port.terminate &&
    ((take) =>
      port.addEventListener('error', ({ message }) => {
        // After an error that nothing catches, the worker cannot continue.
        port.terminate!();
        const why = message || 'it could not be loaded, or lacks memory';
        const hint = 'Start another; a kept project can be reopened';
        take(new ThawError('ended', `the worker that trains has ended: ${why}`, hint));
      })),
});

/** The common part of Node's worker threads and Electron's utility processes: `on('message')`. */
interface EmitterPort {
  // biome-ignore lint/suspicious/noExplicitAny: the transfer lists of Node and Electron are of types of their own
  postMessage(message: unknown, transfer?: any): void;
  on(type: 'message', listener: (message: unknown) => void): unknown;
  start?(): void;
  close?(): void;
  terminate?(): unknown;
}

/** A `parentPort` or `Worker` of `node:worker_threads`, or a port of Electron's main and utility processes, which wrap the data. */
export const emitterPort = (port: EmitterPort): Port => ({
  // Node transfers buffers; Electron's ports take ports only, and copy the rest.
  post: (message) => port.postMessage(message),
  listen(take) {
    port.on('message', (message) => take(isWrapped(message) ? message.data : message));
    port.start?.();
  },
  close: () => void (port.terminate ? port.terminate() : port.close?.()),
});

/** Electron gives `{ data, ports }`; none of our messages has ports. */
const isWrapped = (message: unknown): message is { data: unknown } =>
  typeof message === 'object' && message !== null && 'data' in message && 'ports' in message;
