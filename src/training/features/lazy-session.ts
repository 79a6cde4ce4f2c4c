import { sha256 } from '../../digest.ts';
import type { Runtime, Session } from '../../runtime/index.ts';

/**
 * A model that becomes a session when it is first run. Its threads do not spin: pictures are decoded beside it, and with two cores
 * that took a third off the time of both (docs/performance.md).
 */
export class LazySession {
  private session: Promise<Session> | undefined;

  constructor(
    private readonly runtime: Runtime,
    private readonly model: Uint8Array,
  ) {}

  get(): Promise<Session> {
    this.session ??= this.runtime.load(this.model, { spinning: false });
    return this.session;
  }

  /** SHA-256 of the model, in hexadecimal. */
  digest(): Promise<string> {
    return sha256(this.model);
  }

  async release(): Promise<void> {
    await (await this.session)?.release();
    this.session = undefined;
  }
}
