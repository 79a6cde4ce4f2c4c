import type { Runtime, Session, SessionOptions } from '../runtime/index.ts';

/** A model that becomes a session when it is first run. */
export class LazySession {
  private session: Promise<Session> | undefined;

  /** @param model its bytes, which are held until then */
  constructor(
    private readonly runtime: Runtime,
    private model: Uint8Array | undefined,
    private readonly options: SessionOptions = {},
  ) {}

  get(): Promise<Session> {
    this.session ??= this.load(this.model!);
    return this.session;
  }

  /** For good. */
  async release(): Promise<void> {
    this.model = undefined;
    await (await this.session)?.release();
  }

  private load(model: Uint8Array): Promise<Session> {
    this.model = undefined;
    return this.runtime.load(model, this.options);
  }
}
