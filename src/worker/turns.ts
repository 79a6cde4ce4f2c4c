import { ThawError } from '../errors.ts';

/** Lets one task at a time use the runtime. During a job (a training, a round), others run between its steps. */
export class Turns {
  private readonly waiting: (() => Promise<unknown>)[] = [];
  private last: Promise<unknown> = Promise.resolve();
  private job: Promise<unknown> | undefined;
  private isPaused = false;
  private wake = () => {};

  /** @throws ThawError `bad-config` if a job is under way */
  refuseJob(): void {
    if (this.job) throw new ThawError('bad-config', 'a training is under way', 'Wait for its end, or stop it');
  }

  /** Runs a task after those before it, or between two steps of the job. */
  run<T>(task: () => Promise<T>): Promise<T> {
    if (!this.job) return this.afterLast(task);
    return new Promise((resolve, reject) => {
      this.waiting.push(() => task().then(resolve, reject));
      this.wake();
    });
  }

  /**
   * Runs a job, which lets others run by `giveWay`.
   *
   * @throws ThawError `bad-config` if another one is under way
   */
  async during<T>(job: () => Promise<T>): Promise<T> {
    this.refuseJob();
    const own = this.afterLast(job);
    this.job = own;
    try {
      return await own;
    } finally {
      this.job = undefined;
      this.afterLast(() => this.runWaiting());
    }
  }

  /** Resolves when no job is under way. */
  async whenIdle(): Promise<void> {
    await this.job?.catch(() => undefined);
  }

  /** Between two steps of the job. Here it pauses. */
  async giveWay(): Promise<void> {
    // Messages are tasks of the event loop, and a training that is nothing but promises would never let one in.
    await new Promise((resolve) => setTimeout(resolve));
    await this.runWaiting();
    while (this.isPaused) {
      if (!this.waiting.length) {
        await new Promise<void>((resolve) => {
          this.wake = resolve;
        });
      }
      await this.runWaiting();
    }
  }

  /** @returns whether it was not paused before */
  pause(): boolean {
    if (this.isPaused) return false;
    this.isPaused = true;
    return true;
  }

  /** @returns whether it was paused */
  resume(): boolean {
    if (!this.isPaused) return false;
    this.isPaused = false;
    this.wake();
    return true;
  }

  private afterLast<T>(task: () => Promise<T>): Promise<T> {
    const next = this.last.then(task);
    this.last = next.catch(() => undefined);
    return next;
  }

  private async runWaiting(): Promise<void> {
    for (let task = this.waiting.shift(); task; task = this.waiting.shift()) await task();
  }
}
