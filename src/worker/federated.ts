import { answerOf, type NodeOptions, readAskedRound } from '../federated/flower/index.ts';
import type { RoundOutcome } from '../federated/index.ts';
import type { TrainSettingsInput } from '../session/index.ts';
import type { RemoteRoundRequest } from './protocol.ts';

/** Whoever trains rounds: a client of a worker, a thread, a utility process. */
export interface RoundClient<Request> {
  round(request: Request): Promise<RoundOutcome>;
  stop(): Promise<void>;
}

/** A node's own: the model and the labelled images, as the client takes them, and what it decides for itself. */
export type OwnPart<Request> = Omit<Request, 'state' | 'evaluateOnly' | 'proximal' | 'settings'> & {
  readonly settings?: Pick<TrainSettingsInput, 'device' | 'cacheMemory'>;
};

/** How a node answers the messages of the app that `thaw federated init` writes: by rounds that a client trains. */
export const answersBy =
  <Request extends Pick<RemoteRoundRequest, 'state' | 'settings'>>(
    client: RoundClient<Request>,
    own: OwnPart<Request>,
  ): NodeOptions['answer'] =>
  async (message, signal) => {
    const { settings, ...asked } = readAskedRound(message);
    const stop = () => void client.stop();
    signal?.addEventListener('abort', stop, { once: true });
    try {
      // A server may ask for a cache on disk, which is for the command line.
      const mine = { ...settings, cache: 'memory', ...own.settings };
      return answerOf(await client.round({ ...own, ...asked, settings: mine } as unknown as Request));
    } finally {
      signal?.removeEventListener('abort', stop);
    }
  };
