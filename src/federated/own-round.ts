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

/** A round of a federation on one machine. */
export interface OwnRoundRequest extends RoundInputs, RoundMode {
  /** The initial state of the round: a safetensors file. */
  readonly state: Uint8Array;
}

/**
 * Runs one machine's part of a federation's round: trains the given state on its own data, or measures it. The optimizer starts fresh in
 * every round. The order of samples, augmentation and noise continue after the state's epochs, so the first round is bit-identical to a
 * training.
 *
 * @throws ThawError `bad-model` if the state belongs to another model, with both digests; AbortError if stopped
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
    throw new ThawError('bad-data', `the data has no samples in ${split}`, 'Add samples of the classes');
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
