/** Bytes by key that outlive the process. */
export interface FeatureStore {
  /** undefined where there are none, or what is there is not what was put there. */
  get(key: string): Promise<Uint8Array | undefined>;
  set(key: string, bytes: Uint8Array): Promise<void>;
}

export interface FeatureCacheOptions {
  /** In memory, 1 GiB unless given; 0 keeps nothing there. */
  readonly maximumBytes?: number;
  /** Where values are kept besides, and looked for. */
  readonly store?: FeatureStore;
  /** What values depend on besides the space and the key, where a store outlives it: machine, device, runtime. */
  readonly environment?: string;
}

/** A part of the cache: values computed by one model of rows of one size. */
export interface FeatureSpace {
  /** Digest of the model. */
  readonly model: string;
  /** Of every value; what a store has of another length is not one of them. */
  readonly bytes: number;
  /** Part of the memory that it may fill at most, 0 to 1. */
  readonly share: number;
}

/**
 * What the frozen part of a network makes of samples, so that it is computed once. Memory is filled until it is full, and nothing
 * is thrown out for something newer: each epoch asks for all samples in another order, so what is there is worth as much as what
 * would take its place. One cache may serve several sources and trainers.
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

  /** Keeps the features of a sample. @param bytes not to be changed any more */
  async set(space: FeatureSpace, key: string, bytes: Uint8Array): Promise<void> {
    this.keep(space, key, bytes);
    await this.options.store?.set(this.storeKey(space, key), bytes);
  }

  /** Makes room: memory keeps the values of these models only. */
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
