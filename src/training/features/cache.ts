/** Bytes by key that outlive the process. */
export interface FeatureStore {
  /** undefined if there are none, or if they are damaged. */
  get(key: string): Promise<Uint8Array | undefined>;
  set(key: string, bytes: Uint8Array): Promise<void>;
}

export interface FeatureCacheOptions {
  /** In memory, 1 GiB unless given; 0 keeps nothing there. */
  readonly maximumBytes?: number;
  /** Keeps values longer than memory does. */
  readonly store?: FeatureStore;
  /** Machine, device and runtime: values in a store also depend on them. */
  readonly environment?: string;
}

/** A part of the cache: the values that one model computes from rows of one size. */
export interface FeatureSpace {
  /** Digest of the model. */
  readonly model: string;
  /** Length of each value. A stored value of another length is not used. */
  readonly bytes: number;
  /** Part of the memory that it may fill at most, 0 to 1. */
  readonly share: number;
}

/**
 * Caches the features of samples, so that the frozen part of a network computes them once. When memory is full, nothing is evicted: each
 * epoch reads all samples in another order, so a cached value is worth as much as a new one. Several sources and trainers may share a cache.
 */
export class FeatureCache {
  private readonly spaces = new Map<string, Map<string, Uint8Array>>();
  private readonly maximumBytes: number;
  private bytes = 0;

  constructor(private readonly options: FeatureCacheOptions = {}) {
    this.maximumBytes = options.maximumBytes ?? 2 ** 30;
  }

  /** Bytes held in memory. */
  get size(): number {
    return this.bytes;
  }

  /** The features of a sample, if they are kept. */
  async get(space: FeatureSpace, key: string): Promise<Uint8Array | undefined> {
    const kept = this.spaces.get(space.model)?.get(key);
    if (kept) return kept;
    const stored = await this.options.store?.get(this.storeKey(space, key));
    if (stored?.byteLength !== space.bytes) return undefined;
    this.keep(space, key, stored);
    return stored;
  }

  /** Keeps the features of a sample. @param bytes must not change afterwards */
  async set(space: FeatureSpace, key: string, bytes: Uint8Array): Promise<void> {
    this.keep(space, key, bytes);
    await this.options.store?.set(this.storeKey(space, key), bytes);
  }

  /** Removes all values from memory except those of these models. */
  keepOnly(models: readonly string[]): void {
    for (const [model, values] of this.spaces) {
      if (models.includes(model)) continue;
      for (const { byteLength } of values.values()) this.bytes -= byteLength;
      this.spaces.delete(model);
    }
  }

  private keep({ model, share }: FeatureSpace, key: string, bytes: Uint8Array): void {
    if (this.bytes + bytes.byteLength > this.maximumBytes * share) return;
    const values = this.spaces.get(model) ?? new Map<string, Uint8Array>();
    if (values.has(key)) return;
    this.spaces.set(model, values.set(key, bytes));
    this.bytes += bytes.byteLength;
  }

  private storeKey({ model }: FeatureSpace, key: string): string {
    return `${this.options.environment ?? ''} ${model} ${key}`;
  }
}
