import { Worker } from 'node:worker_threads';
import { disableTelemetry } from '../../runtime/node/telemetry.ts';
import { connect, type RemoteClient } from '../client.ts';
import { trainingEnded } from '../ended.ts';
import { emitterPort, type Port } from '../port.ts';
import type { NodePlatformOptions } from './platform.ts';

export interface ThreadOptions extends NodePlatformOptions {
  /** The thread, if a bundler makes it from `thaw/thread`; the one next to this script unless given. */
  readonly thread?: Worker;
}

/**
 * Starts a worker thread that trains and predicts, and gives a client of it, so that the program continues while ONNX Runtime computes. The
 * program runs until `terminate()`. If the thread ends before, calls are rejected with a ThawError `ended` that gives the reason.
 */
export function startThread({ thread, ...platform }: ThreadOptions = {}): RemoteClient {
  disableTelemetry();
  const started = thread ?? new Worker(new URL('./thread.js', import.meta.url));
  started.postMessage(platform);
  return connect(threadPort(started));
}

const threadPort = (thread: Worker): Port => ({
  ...emitterPort(thread),
  ended(take) {
    let why: string | undefined;
    thread.on('error', (error: unknown) => {
      why = error instanceof Error ? error.message : String(error);
    });
    thread.on('exit', (code) => take(trainingEnded('worker thread', why ?? `it exited with code ${code}`)));
  },
});
