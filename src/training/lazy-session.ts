import { type Loadable, loadSession, type Runtime, type Session, type SessionOptions } from '../runtime/index.ts';

/** A session that is loaded when it is first needed. */
export class LazySession {
  private session: Promise<Session> | undefined;

  /** @param model kept until the session is loaded */
  constructor(
    private readonly runtime: Runtime,
    private model: Loadable | undefined,
    private readonly options: SessionOptions = {},
  ) {}

  get(): Promise<Session> {
    this.session ??= this.load(this.model!);
    return this.session;
  }

  /** It cannot be loaded again. */
  async release(): Promise<void> {
    this.model = undefined;
    await (await this.session)?.release();
  }

  private load(model: Loadable): Promise<Session> {
    this.model = undefined;
    return loadSession(this.runtime, model, this.options);
  }
}
