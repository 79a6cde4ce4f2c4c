import type { Port } from './port.ts';
import { type Answer, METHODS, type Method, type Methods, type RemoteEvent } from './protocol.ts';
import { revive } from './remote-error.ts';

type Asked<M extends Method> = (...parameters: Parameters<Methods[M]>) => Promise<ReturnType<Methods[M]>>;

/**
 * Asks a server at the other end of a port; one trains at a time. Once the other side has ended, whatever waits and whatever is
 * asked later is rejected with the reason.
 */
export type RemoteClient = { readonly [M in Method]: Asked<M> } & {
  /** Calls for every event from now on. @returns ends it */
  listen(take: (event: RemoteEvent) => void): () => void;
  /** Calls with the reason if the other side ends by itself, whether or not something waits. */
  whenEnded(take: (reason: Error) => void): void;
  /** Ends the other side without waiting. */
  terminate(): void;
};

/** A client of whoever serves the port. */
export function connect(port: Port): RemoteClient {
  const waiting = new Map<number, { resolve(result: unknown): void; reject(error: Error): void }>();
  const listeners = new Set<(event: RemoteEvent) => void>();
  let next = 0;
  let ended: Error | undefined;
  const end = (reason: Error) => {
    ended ??= reason;
    for (const { reject } of waiting.values()) reject(ended);
    waiting.clear();
  };
  const watchers = new Set<(reason: Error) => void>();
  port.ended?.((reason) => {
    if (ended) return;
    end(reason);
    for (const take of watchers) take(reason);
  });
  port.listen((message) => {
    const answer = message as Answer;
    if ('event' in answer) {
      for (const take of listeners) take(answer.event);
      return;
    }
    const asked = waiting.get(answer.id);
    waiting.delete(answer.id);
    if ('error' in answer) asked?.reject(revive(answer.error));
    else asked?.resolve(answer.result);
  });
  const ask = (method: Method, parameters: readonly unknown[]) =>
    new Promise<unknown>((resolve, reject) => {
      if (ended) throw ended;
      const id = next++;
      waiting.set(id, { resolve, reject });
      port.post({ id, method, parameters });
    });
  const methods = Object.fromEntries(
    METHODS.map((method) => [method, (...parameters: readonly unknown[]) => ask(method, parameters)]),
  ) as { [M in Method]: Asked<M> };
  return {
    ...methods,
    listen(take) {
      listeners.add(take);
      return () => listeners.delete(take);
    },
    whenEnded: (take) => void watchers.add(take),
    terminate() {
      port.close();
      end(new Error('the training was ended from outside'));
    },
  };
}
