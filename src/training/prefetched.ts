/** Items of which the first is being made before anybody waits for it. */
export class Prefetched<T> {
  private readonly iterator: AsyncIterator<T>;
  private readonly first: Promise<IteratorResult<T>>;

  constructor(items: AsyncIterable<T>) {
    this.iterator = items[Symbol.asyncIterator]();
    this.first = this.iterator.next();
    // Whoever waits for it gets the error; until then, it is not unhandled.
    this.first.catch(() => undefined);
  }

  /** To be read once. */
  async *[Symbol.asyncIterator](): AsyncGenerator<T> {
    try {
      for (let item = await this.first; !item.done; item = await this.iterator.next()) yield item.value;
    } finally {
      await this.close();
    }
  }

  /** Gives up what is left. */
  async close(): Promise<void> {
    await this.iterator.return?.();
  }
}
