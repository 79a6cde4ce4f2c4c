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
  /** The `config.json` that keeps the temperature; null where there is none to keep, or the model has no such file on this machine. */
  readonly file: string | null;
}

/** Of the parts. */
const SEED = 0;

/**
 * Fits a temperature on labelled images that the model was not trained on, and keeps it beside the model, where
 * `calibrated` finds it. The model itself stays as it is.
 *
 * @throws ThawError where the model does not say its classes, or the data has others
 */
export async function calibrate(request: EvaluateRequest, hooks: JobHooks = {}): Promise<CalibrateOutcome> {
  const settings = { ...request.settings, calibrated: false };
  const { task, predictions, folder } = await labelledPredictions({ ...request, settings }, hooks);
  if (!task.temperature) {
    throw new ThawError(
      'bad-model',
      `${request.model} does not give each class a probability, so that there is nothing to calibrate`,
      'Give a model that tells classes apart',
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
