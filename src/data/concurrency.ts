/** Runs at most `count` tasks at a time. Others wait in order. */
export class Slots {
  private readonly waiting: (() => void)[] = [];
  private free: number;

  constructor(count: number) {
    this.free = count;
  }

  async run<T>(task: () => Promise<T>): Promise<T> {
    if (this.free > 0) this.free--;
    else await new Promise<void>((resolve) => this.waiting.push(resolve));
    try {
      return await task();
    } finally {
      const next = this.waiting.shift();
      if (next) next();
      else this.free++;
    }
  }
}

/** `Promise.all` of `task` over the items, at most `limit` at a time. @param signal aborts it; no more tasks start then */
export function mapConcurrently<T, R>(
  items: readonly T[],
  limit: number,
  task: (item: T) => Promise<R>,
  signal?: AbortSignal,
): Promise<R[]> {
  const slots = new Slots(limit);
  const unlessAborted = async (item: T) => {
    signal?.throwIfAborted();
    return task(item);
  };
  return Promise.all(items.map((item) => slots.run(() => unlessAborted(item))));
}
