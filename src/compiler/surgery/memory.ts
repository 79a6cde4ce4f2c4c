/** The memory that training needs, in bytes, by trained layers; see `MemoryEstimate` in src/training. */
export interface InspectedMemory {
  /** Samples in a batch. */
  readonly batch: number;
  readonly head: number;
  /** With all layers that can be trained. */
  readonly all: number;
}

/** Formats a number of bytes. */
export const megabytes = (bytes: number): string =>
  bytes < 1e9 ? `${Math.ceil(bytes / 1e6)} MB` : `${(bytes / 1e9).toFixed(1)} GB`;
