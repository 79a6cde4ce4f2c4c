/**
 * Threads of ONNX Runtime, which starts each from its own script. If a bundler puts that into the script of Thaw's worker (Vite does), the
 * worker's script starts again as a thread.
 */
import { libraryFor, type WebRuntimeOptions } from '../runtime/web/sessions.ts';

type Device = WebRuntimeOptions['device'];

/** The part of a dedicated worker's scope that is used here. */
interface WorkerScope extends EventTarget {
  readonly name: string;
  Worker: typeof Worker;
  onmessage: unknown;
}

/** ONNX Runtime's name of a thread, by which its script knows that it is one. */
const THREAD = 'em-pthread';

/** The device whose threads start now. */
let starting: Device | undefined;

/** Loads ONNX Runtime's module and names the device in the names of its threads. */
export function libraryWithNamedThreads(device: Device): ReturnType<ReturnType<typeof libraryFor>> {
  if (globalThis.crossOriginIsolated && !starting) nameThreads();
  starting = device;
  return libraryFor(device)();
}

function nameThreads(): void {
  const scope = globalThis as unknown as WorkerScope;
  scope.Worker = class extends scope.Worker {
    constructor(script: string | URL, options?: WorkerOptions) {
      super(script, options?.name === THREAD ? { ...options, name: `${THREAD} ${starting}` } : options);
    }
  };
}

/** Runs ONNX Runtime's thread if this script was started as one. @returns whether it was */
export function runsAsThread(): boolean {
  const scope = globalThis as unknown as WorkerScope;
  if (!scope.name.startsWith(THREAD)) return false;
  const early: MessageEvent[] = [];
  const hold = (event: Event) => {
    if (!scope.onmessage) early.push(event as MessageEvent);
  };
  scope.addEventListener('message', hold);
  // The module listens as soon as it is loaded.
  void libraryFor(scope.name.slice(THREAD.length + 1) as Device)().then(() => {
    scope.removeEventListener('message', hold);
    for (const { data } of early) scope.dispatchEvent(new MessageEvent('message', { data }));
  });
  return true;
}
