import { answerOf, type NodeOptions, readAskedRound } from '../federated/flower/index.ts';
import type { RoundOutcome } from '../federated/index.ts';
import type { TrainingSettings } from '../session/index.ts';
import type { RemoteRoundRequest } from './protocol.ts';

/** Trains rounds: a client of a worker, a thread or a utility process. */
export interface RoundClient<R> {
  round(request: R, options: { readonly signal?: AbortSignal }): Promise<RoundOutcome>;
}

/** A node's own part of its rounds: the model and the labelled samples, as its client takes them, and settings of this machine. */
export type OwnPart<R> = Omit<R, 'state' | 'evaluateOnly' | 'measure' | 'proximal' | 'settings'> & {
  readonly settings?: Pick<TrainingSettings, 'device' | 'cacheMemory'>;
};

/** Answers the messages of the app that `thaw federated init` writes, by rounds of a client. */
export const answersBy =
  <R extends Pick<RemoteRoundRequest, 'state' | 'settings'>>(
    client: RoundClient<R>,
    own: OwnPart<R>,
  ): NodeOptions['answer'] =>
  async (message, signal) => {
    const { settings, ...asked } = readAskedRound(message);
    // A server may ask for a cache on disk, which only the command line has.
    const mine = { ...settings, cache: 'memory', ...own.settings };
    // The message adds the state and the mode.
    return answerOf(await client.round({ ...own, ...asked, settings: mine } as unknown as R, { signal }));
  };
