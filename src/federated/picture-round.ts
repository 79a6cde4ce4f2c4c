import type { Preprocessing } from '../data/index.ts';
import { sha256 } from '../digest.ts';
import { ThawError } from '../errors.ts';
import { metadataOf } from '../export/index.ts';
import { readModel } from '../onnx/index.ts';
import {
  choosePreprocessing,
  optionsOf,
  prepareModel,
  refuseSettingsOfRuns,
  type TrainSettings,
  type TrainSettingsInput,
  trainingConfigOf,
  withClassWeights,
} from '../recipe/index.ts';
import type { Runtime } from '../runtime/index.ts';
import type { Sources } from '../session/index.ts';
import { openTask, type Task } from '../tasks/index.ts';
import { isText } from '../text/index.ts';
import type { FeatureCache } from '../training/index.ts';
import { checkProximal, type RoundHooks, type RoundMode, type RoundOutcome, roundSettings, runRound } from './round.ts';
import { checkSource, checkTensors, readRoundState } from './state.ts';

/** A round of a classifier from bytes to bytes, where there are no files. */
export interface PictureRoundRequest extends RoundMode {
  /** An `.onnx` file, and what lies beside it, parsed: `preprocessor_config.json`, `config.json`. */
  readonly model: Uint8Array;
  readonly preprocessorConfig?: unknown;
  readonly config?: unknown;
  /** The state that the round begins with: a safetensors file. */
  readonly state: Uint8Array;
  readonly settings?: TrainSettingsInput;
}

/** What a platform gives. */
export interface PictureRoundPlatform {
  readonly runtime: Runtime;
  /** The pictures, once it is known how the model takes them, labelled by the classes of the task. */
  readonly open: (task: Task, preprocessing: Preprocessing, settings: TrainSettings) => Sources;
  /** Kept from round to round, what frozen layers make of pictures is computed once. */
  readonly features: FeatureCache;
}

/**
 * As `round`, on pictures that the platform has.
 *
 * @throws ThawError `bad-model` where the state is of another model, `bad-config` where it is of another task than classification
 */
export async function pictureRound(
  request: PictureRoundRequest,
  { runtime, open, features }: PictureRoundPlatform,
  hooks: RoundHooks = {},
): Promise<RoundOutcome> {
  checkProximal(request);
  refuseSettingsOfRuns({ ...request.settings });
  const { model: encoded, preprocessorConfig, config: sourceConfig, evaluateOnly = false, proximal, measure } = request;
  const state = readRoundState(request.state);
  const { settings } = roundSettings(request.settings ?? {}, state, sourceConfig);
  const task = openTask(state.task);
  if (task.facts.task !== 'classification') {
    throw new ThawError(
      'bad-config',
      `the federation learns ${task.facts.task}, and a page has classes of pictures only`,
      'Join it with thaw federated join',
    );
  }
  checkSource(state, 'the model given', await sha256(encoded));
  const model = readModel(encoded);
  const own = metadataOf(model)?.preprocessing;
  const { preprocessing } = choosePreprocessing(
    model,
    preprocessorConfig,
    settings,
    own && !isText(own) ? own : undefined,
  );
  const prepared = await prepareModel(
    model,
    runtime,
    optionsOf(model, { config: sourceConfig }, task, settings, preprocessing),
  );
  checkTensors(state, prepared.network);
  const sources = open(task, preprocessing, settings);
  for (const split of evaluateOnly ? (['val'] as const) : (['train', 'val'] as const)) {
    if (sources[split].length) continue;
    throw new ThawError('bad-data', `there are no pictures in ${split}`, 'Add pictures of the classes');
  }
  const config = trainingConfigOf(withClassWeights(settings, sources.train.labels, task.classes));
  return runRound(
    { state, prepared, task, sources, config, runtime, features, proximal, evaluateOnly, measure },
    hooks,
  );
}
