import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { ThawError } from '../../errors.ts';
import { withNotes } from '../../export/index.ts';
import type { TemperatureFit } from '../../tasks/index.ts';
import { writeAtomically } from '../disk/index.ts';
import { readJson } from '../models/folder.ts';
import { type EvaluateRequest, labelledPredictions } from './evaluate.ts';
import type { JobHooks } from './events.ts';
import { shownPath } from './paths.ts';

export interface CalibrateOutcome extends TemperatureFit {
  /** The `config.json` with the temperature. Null if no temperature was fitted, or if the model has no such file on this machine. */
  readonly file: string | null;
}

/** Seed of the folds. */
const SEED = 0;

/**
 * Fits a temperature on labelled images that the model was not trained on. Saves it in the model's `config.json`, where `calibrated` finds
 * it. The model itself stays unchanged.
 *
 * @throws ThawError if the model does not name its classes, or the data has other classes
 */
export async function calibrate(request: EvaluateRequest, hooks: JobHooks = {}): Promise<CalibrateOutcome> {
  const settings = { ...request.settings, calibrated: false };
  const { task, predictions, folder } = await labelledPredictions({ ...request, settings }, hooks);
  if (!task.temperature) {
    throw new ThawError(
      'bad-model',
      `${request.model} has no class probabilities, so Thaw cannot calibrate it`,
      'Give a classification model',
    );
  }
  const fit = task.temperature.fit(predictions, { seed: SEED });
  const own = request.model !== 'default' && existsSync(request.model);
  const config = own ? await readJson(folder, 'config.json') : undefined;
  if (fit.temperature === null || config === undefined) return { ...fit, file: null };
  const file = join(folder, 'config.json');
  await writeAtomically(file, `${JSON.stringify(withNotes(config, { temperature: fit.temperature }), null, 2)}\n`);
  return { ...fit, file: shownPath(file) };
}
