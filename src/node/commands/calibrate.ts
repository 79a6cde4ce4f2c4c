import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Sample } from '../../data/index.ts';
import { requireRequest, ThawError } from '../../errors.ts';
import { unknownOf, withNotes } from '../../export/index.ts';
import { joinBatches } from '../../session/index.ts';
import {
  refitThreshold,
  type Task,
  type TemperatureFit,
  type UnknownFit,
  type UnknownReport,
} from '../../tasks/index.ts';
import { writeAtomically } from '../disk/index.ts';
import { readJson } from '../models/folder.ts';
import { type EvaluateRequest, isSeen, labelledPredictions } from './evaluate.ts';
import type { JobHooks } from './events.ts';
import { plainSource } from './inputs.ts';
import type { MeasuredSamples } from './measured.ts';
import { openExtractor } from './open-extractor.ts';
import { shownPath } from './paths.ts';
import { openUnlabelled } from './unlabelled.ts';

export interface CalibrateRequest extends EvaluateRequest {
  /** A folder with examples of none of the classes. Default: the folder `_unknown` of the data, if it has one. */
  readonly unknown?: string;
  /** Share of samples of the classes that may be called unknown. */
  readonly unknownRate?: number;
}

export interface CalibrateOutcome extends TemperatureFit {
  /** How well the model recognises samples of none of its classes; null if that stays as it is, or if there are too few samples. */
  readonly unknown: UnknownReport | null;
  /** The `config.json` with the results. Null if nothing was fitted, or if the model has no such file on this machine. */
  readonly file: string | null;
}

/** Seed of the folds. */
const SEED = 0;

/**
 * Fits a temperature on labelled images that the model was not trained on, and from which distance on an image is unknown. Saves both in the
 * model's `config.json`, where `calibrated` and `unknown` find them. The model itself stays unchanged.
 *
 * @throws ThawError if the model does not name its classes, or the data has other classes
 */
export async function calibrate(request: CalibrateRequest, hooks: JobHooks = {}): Promise<CalibrateOutcome> {
  requireRequest(request);
  const settings = { ...request.settings, calibrated: false };
  checkRate(request.unknownRate);
  const found = await labelledPredictions({ ...request, settings }, hooks);
  const { task, predictions, folder } = found;
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
  const unknown = await fitExamples(request, { ...found, config }, hooks);
  const results = { ...fit, unknown: unknown?.report ?? null };
  if ((fit.temperature === null && !unknown) || config === undefined) return { ...results, file: null };
  const file = join(folder, 'config.json');
  const notes = { temperature: fit.temperature ?? undefined, unknown: unknown?.note };
  await writeAtomically(file, `${JSON.stringify(withNotes(config, notes), null, 2)}\n`);
  return { ...results, file: shownPath(file) };
}

function checkRate(rate: number | undefined): void {
  if (rate === undefined || (rate > 0 && rate < 1)) return;
  throw new ThawError('bad-config', `the unknown rate is ${rate}`, 'Use a number between 0 and 1: 0.05 is 5 of 100');
}

interface Labelled {
  readonly task: Task;
  readonly samples: readonly Sample[];
  readonly examples: readonly Sample[];
  readonly measured: MeasuredSamples;
  readonly config: unknown;
}

/**
 * A new threshold for what the model keeps, if the request has a rate or examples; if it keeps nothing yet, all of it. The model's own
 * samples do not change the threshold: they are part of the fit.
 */
async function fitExamples(
  { model, settings, unknown, unknownRate: rate }: CalibrateRequest,
  { task, samples, examples, measured, config }: Labelled,
  hooks: JobHooks,
): Promise<UnknownFit | null> {
  if (!task.unknown) return null;
  const kept = unknownOf(config);
  if (kept && rate === undefined && unknown === undefined && !examples.length) return null;
  const { extractor } = await openExtractor({ model, settings, layout: kept?.features }, hooks);
  try {
    const { format, layout } = extractor.parts;
    const featuresOf = (of: readonly Sample[]) =>
      joinBatches(extractor.batches(plainSource(of, format, hooks)), () => hooks.signal?.throwIfAborted());
    const given = unknown === undefined ? examples : (await openUnlabelled([unknown], format, hooks)).samples;
    const val = kept && isSeen(measured) ? undefined : await featuresOf(samples);
    const data = { unknown: given.length ? (await featuresOf(given)).features : undefined };
    if (kept) return refitThreshold(kept, { ...data, val }, rate);
    const train = { features: new Float32Array(0), labels: [] };
    return task.unknown.fit({ ...data, train, val: val! }, { seed: SEED, features: layout, rate });
  } finally {
    await extractor.release();
  }
}
