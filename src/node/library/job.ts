/** Stops a job from outside, with an `AbortController`. */
export interface JobOptions {
  readonly signal?: AbortSignal;
}

/**
 * A running job: its events in order, and its result. It runs even if nobody reads the events, and keeps unread ones.
 *
 * @typeParam E its events @typeParam R its result
 */
export class Job<E, R> implements AsyncIterable<E> {
  /** Rejected if the job fails. */
  readonly result: Promise<R>;
  private readonly events: E[] = [];
  private readonly stopping = new AbortController();
  private wake = () => {};
  private isOver = false;

  /** @param work starts at once */
  constructor(
    work: (hooks: { readonly onEvent: (event: E) => void; readonly signal: AbortSignal }) => Promise<R>,
    { signal }: JobOptions = {},
  ) {
    const onEvent = (event: E) => {
      this.events.push(event);
      this.wake();
    };
    const signals = signal ? [signal, this.stopping.signal] : [this.stopping.signal];
    this.result = work({ onEvent, signal: AbortSignal.any(signals) }).finally(() => {
      this.isOver = true;
      this.wake();
    });
  }

  /** Asks the job to stop. A training saves first; its result then has the status `interrupted`. */
  stop(): void {
    this.stopping.abort();
  }

  /** Can be read once. Leaving the loop early stops the job. @throws the error of a failed job */
  async *[Symbol.asyncIterator](): AsyncGenerator<E, void> {
    // The loop below throws the error.
    this.result.catch(() => undefined);
    try {
      for (;;) {
        while (this.events.length) yield this.events.shift()!;
        if (this.isOver) break;
        await new Promise<void>((resolve) => {
          this.wake = resolve;
        });
      }
      await this.result;
    } finally {
      if (!this.isOver) this.stop();
    }
  }
}
