import { sharpReader } from '../../data/node/index.ts';
import { isText } from '../../data/text/index.ts';
import { BatchedModel, type PredictionSettings } from '../../session/index.ts';
import type { TaskName } from '../../tasks/index.ts';
import type { JobHooks } from '../commands/events.ts';
import { openPredictor } from '../commands/open-predictor.ts';
import { checkTop } from '../commands/predict.ts';
import type { Input } from './samples.ts';
import { type ServedRequest, type Serving, startServer } from './server.ts';
import { readServeSettings, type ServeSettings } from './settings.ts';

export interface ServeOptions extends ServeSettings {
  /** How the model takes its samples and gives its predictions. */
  readonly settings?: PredictionSettings;
}

/** Samples of a batch. Each request waits for its whole batch, so it is smaller than in `thaw predict`. */
const BATCH = 4;

export interface ServeHooks extends Pick<JobHooks, 'onEvent'> {
  /** Called after each request. */
  readonly onRequest?: (request: ServedRequest) => void;
}

/**
 * Serves a finished model over HTTP: `POST /predict` with images or texts. Requests that arrive while a batch runs go through the model
 * together. Only this machine is served unless `host` is given.
 *
 * @param model a run, a model folder or file, an address, `hf:owner/name` or a name from `thaw models`
 * @example
 * ```ts
 * import { serve } from 'thaw';
 *
 * const { url, close } = await serve('runs/images-1', { port: 0 });
 * const body = await (await fetch('https://example.org/cat.jpg')).arrayBuffer();
 * const { predictions } = await (await fetch(`${url}/predict`, { method: 'POST', body })).json();
 * console.log(predictions[0].label);
 * await close();
 * ```
 * @throws ThawError if the model cannot be read, or the port is in use
 */
export async function serveModel(
  model: string,
  { settings, ...server }: ServeOptions = {},
  { onRequest, ...hooks }: ServeHooks = {},
): Promise<Serving> {
  const serveSettings = readServeSettings(server);
  const { predictor, name } = await openPredictor({ model, settings: { batch: BATCH, ...settings } }, hooks);
  try {
    checkTop(serveSettings.top, predictor.task);
    const { format, taskName } = predictor.parts;
    const batched = new BatchedModel<TaskName, Input>(predictor, (inputs) => sharpReader((i) => inputs[Number(i)]));
    const serving = await startServer({
      model: batched,
      card: {
        ...{ name, task: taskName, labels: predictor.task.classes },
        ...(isText(format)
          ? { input: 'text' as const }
          : { input: 'image' as const, size: { width: format.width, height: format.height } }),
      },
      settings: serveSettings,
      onRequest,
    });
    return {
      url: serving.url,
      async close() {
        await serving.close();
        await batched.dispose();
      },
    };
  } catch (error) {
    await predictor.release();
    throw error;
  }
}
