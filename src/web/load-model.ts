import type { LoadedModel } from '../session/index.ts';
import type { TaskName } from '../tasks/index.ts';
import type { LoadRequest, RemoteEvent } from '../worker/index.ts';
import type { PageImage, PageModel } from './page-inputs.ts';
import { startWorker, type WorkerOptions } from './start.ts';

export interface LoadOptions<T extends TaskName> extends WorkerOptions, Pick<LoadRequest<T>, 'task' | 'settings'> {
  /** Called for notices, such as that of an assumed preprocessing. */
  readonly onEvent?: (event: RemoteEvent) => void;
}

/**
 * Loads a finished model into a worker of its own, to be called often. `dispose` ends the worker.
 *
 * @param model the address of its folder or file, the file, or the files that `finish()` gave
 * @example
 * ```ts
 * import { loadModel } from 'thaw/web';
 *
 * const classify = await loadModel('/models/pets/');
 * const [file] = document.querySelector('input')!.files!;
 * const { label, probability, top } = await classify(file, { topK: 3 });
 * console.log(label, probability, top);
 * ```
 * @throws ThawError if the model cannot be read, or has another task
 */
export async function loadModel<T extends TaskName = 'classification'>(
  model: PageModel,
  { task, settings, onEvent, ...options }: LoadOptions<T> = {},
): Promise<LoadedModel<T, PageImage | string>> {
  const worker = startWorker(options);
  if (onEvent) worker.listen(onEvent);
  try {
    const loaded = await worker.loadModel<T>({ model, task, settings });
    const { dispose } = loaded;
    return Object.assign(loaded, {
      dispose: () => dispose().finally(() => worker.terminate()),
    });
  } catch (error) {
    worker.terminate();
    throw error;
  }
}
