/** Writes changes to the shelf one after the other. */

/** Milliseconds in which changes are gathered before they are kept. */
const SAVE_AFTER = 200;

export interface KeeperHooks {
  /** Takes a snapshot of the page's state. @returns writes it */
  readonly snapshot: () => () => Promise<void>;
  readonly onFailure: (error: unknown) => void;
}

export class Keeper {
  private timer: ReturnType<typeof setTimeout> | undefined;
  private writing: Promise<void> = Promise.resolve();

  constructor(private readonly hooks: KeeperHooks) {}

  /** Writes the state soon. */
  save(): void {
    // A change that comes while another waits goes with it: put off by each, it would be kept by none.
    this.timer ??= setTimeout(() => this.saveNow(), SAVE_AFTER);
  }

  saveNow(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    this.queue(this.hooks.snapshot());
  }

  /** Writes something else after all that waits. */
  queue(write: () => Promise<void>): void {
    this.writing = this.writing.then(write).catch(this.hooks.onFailure);
  }

  /** Resolves when all that was changed so far is kept. */
  async saved(): Promise<void> {
    if (this.timer !== undefined) this.saveNow();
    await this.writing;
  }
}
