/** Milliseconds of a window. */
const MINUTE = 60_000;

/** Counts the requests of each address in a minute. */
export class RateLimit {
  private readonly counts = new Map<string, number>();
  private began = Number.NEGATIVE_INFINITY;

  /** @param most 0 for any number */
  constructor(
    private readonly most: number,
    private readonly now = () => performance.now(),
  ) {}

  /** Counts a request. @returns seconds to wait, 0 if it is within the limit */
  take(address: string): number {
    if (this.most === 0) return 0;
    const now = this.now();
    if (now - this.began >= MINUTE) {
      this.counts.clear();
      this.began = now;
    }
    const count = (this.counts.get(address) ?? 0) + 1;
    this.counts.set(address, count);
    return count > this.most ? Math.ceil((this.began + MINUTE - now) / 1000) : 0;
  }
}
