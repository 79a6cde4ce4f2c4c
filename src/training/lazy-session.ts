import { type Loadable, loadSession, type Runtime, type Session, type SessionOptions } from '../runtime/index.ts';

/** A model that becomes a session when it is first run. */
export class LazySession {
  private session: Promise<Session> | undefined;

  /** @param model is held until then */
  constructor(
    private readonly runtime: Runtime,
    private model: Loadable | undefined,
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

  private load(model: Loadable): Promise<Session> {
    this.model = undefined;
    return loadSession(this.runtime, model, this.options);
  }
}
