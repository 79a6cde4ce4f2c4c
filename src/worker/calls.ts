import type { Port } from './port.ts';
import type { Answer, Method, Methods, RemoteEvent } from './protocol.ts';
import { revive } from './remote-error.ts';

/** Questions to the other side, each of which waits for its answer. */
export class Calls {
  private readonly waiting = new Map<number, { resolve(result: unknown): void; reject(error: Error): void }>();
  private readonly listeners = new Set<(event: RemoteEvent) => void>();
  private readonly watchers = new Set<(reason: Error) => void>();
  private next = 0;
  private ended: Error | undefined;

  constructor(private readonly port: Port) {
    port.ended?.((reason) => {
      if (this.ended) return;
      this.end(reason);
      for (const take of this.watchers) take(reason);
    });
    port.listen((message) => this.take(message as Answer));
  }

  readonly ask = <M extends Method>(
    method: M,
    ...parameters: Parameters<Methods[M]>
  ): Promise<ReturnType<Methods[M]>> =>
    new Promise((resolve, reject) => {
      if (this.ended) throw this.ended;
      const id = this.next++;
      // The answer has the method's type.
      this.waiting.set(id, { resolve: resolve as (result: unknown) => void, reject });
      this.port.post({ id, method, parameters });
    });

  readonly listen = (take: (event: RemoteEvent) => void): (() => void) => {
    this.listeners.add(take);
    return () => void this.listeners.delete(take);
  };

  readonly whenEnded = (take: (reason: Error) => void): void => void this.watchers.add(take);

  readonly terminate = (): void => {
    this.port.close();
    this.end(new Error('the training was ended from outside'));
  };

  private take(answer: Answer): void {
    if ('event' in answer) {
      for (const take of this.listeners) take(answer.event);
      return;
    }
    const asked = this.waiting.get(answer.id);
    this.waiting.delete(answer.id);
    if ('error' in answer) asked?.reject(revive(answer.error));
    else asked?.resolve(answer.result);
  }

  private end(reason: Error): void {
    this.ended ??= reason;
    for (const { reject } of this.waiting.values()) reject(this.ended);
    this.waiting.clear();
  }
}
