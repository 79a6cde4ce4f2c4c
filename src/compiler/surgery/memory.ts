/** Bytes that training takes, by what trains; see `MemoryEstimate` in src/training. */
export interface InspectedMemory {
  /** Samples in a batch. */
  readonly batch: number;
  readonly head: number;
  /** As many layers as can be trained. */
  readonly all: number;
}

/** Bytes of memory in words. */
export const megabytes = (bytes: number): string =>
  bytes < 1e9 ? `${Math.ceil(bytes / 1e6)} MB` : `${(bytes / 1e9).toFixed(1)} GB`;
