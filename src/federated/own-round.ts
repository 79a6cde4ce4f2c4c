import { ThawError } from '../errors.ts';
import {
  openFeatures,
  openSources,
  type SessionPlatform,
  trainingConfigOf,
  withClassWeights,
} from '../session/index.ts';
import { prepareRound, type RoundInputs } from './prepare.ts';
import { checkProximal, type RoundHooks, type RoundMode, type RoundOutcome, runRound } from './round.ts';
import { readRoundState } from './state.ts';

/** A round of a federation, as one machine takes part in it. */
export interface OwnRoundRequest extends RoundInputs, RoundMode {
  /** The state that the round begins with: a safetensors file. */
  readonly state: Uint8Array;
}

/**
 * One machine's part of a federation's round: trains on its own data from the state given, or measures it there. The optimizer starts
 * anew every round; the order of samples, augmentation and noise continue from where the state's epochs ended, so that the first round
 * gives the bits of a training.
 *
 * @throws ThawError `bad-model` if the state is of another model, naming the digests of both; AbortError when asked to stop
 */
export async function ownRound(
  request: OwnRoundRequest,
  platform: SessionPlatform,
  hooks: RoundHooks = {},
): Promise<RoundOutcome> {
  const { proximal, evaluateOnly = false, measure } = request;
  checkProximal(request);
  const state = readRoundState(request.state);
  const prepared = await prepareRound(request, state, platform);
  const { task, format } = prepared;
  const dataset = prepared.dataset!;
  const labels = dataset.train.map(({ label }) => label);
  const settings = withClassWeights(prepared.settings, labels, dataset.classes);
  for (const split of evaluateOnly ? (['val'] as const) : (['train', 'val'] as const)) {
    if (dataset[split].length) continue;
    throw new ThawError('bad-data', `the data has nothing in ${split}`, 'Add samples of the classes to it');
  }
  const onNotice = (message: string) => platform.onEvent?.({ type: 'notice', message });
  const sources = openSources({ dataset, format, settings, task }, { ...platform, onNotice });
  const features = await openFeatures(platform, settings);
  const config = trainingConfigOf(settings);
  const { runtime } = platform;
  return runRound(
    { state, prepared, task, sources, config, runtime, features, proximal, evaluateOnly, measure },
    hooks,
  );
}
