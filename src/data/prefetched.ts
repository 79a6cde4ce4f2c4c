/** Items whose first one is computed before it is requested. */
export class Prefetched<T> {
  private readonly iterator: AsyncIterator<T>;
  private readonly first: Promise<IteratorResult<T>>;

  constructor(items: AsyncIterable<T>) {
    this.iterator = items[Symbol.asyncIterator]();
    this.first = this.iterator.next();
    // The reader gets the error. Until then it must not count as unhandled.
    this.first.catch(() => undefined);
  }

  /** Can be read once. */
  async *[Symbol.asyncIterator](): AsyncGenerator<T> {
    try {
      for (let item = await this.first; !item.done; item = await this.iterator.next()) yield item.value;
    } finally {
      await this.close();
    }
  }

  /** Discards the items that are left. */
  async close(): Promise<void> {
    await this.iterator.return?.();
  }
}
