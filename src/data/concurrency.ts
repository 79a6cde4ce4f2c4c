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

/** `Promise.all` of `task` over the items, at most `limit` at a time. @param signal aborts it. After an error, no more tasks start */
export async function mapConcurrently<T, R>(
  items: readonly T[],
  limit: number,
  task: (item: T) => Promise<R>,
  signal?: AbortSignal,
): Promise<R[]> {
  const results = new Array<R>(items.length);
  let next = 0;
  const work = async () => {
    while (next < items.length) {
      const i = next++;
      signal?.throwIfAborted();
      results[i] = await task(items[i]);
    }
  };
  const stop = (error: unknown) => {
    next = items.length;
    throw error;
  };
  await Promise.all(Array.from({ length: Math.min(limit, items.length) }, () => work().catch(stop)));
  return results;
}
