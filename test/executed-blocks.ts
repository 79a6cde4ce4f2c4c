/** How often blocks of Thaw's own code run: the same on any machine, however busy it is. */
import { Session } from 'node:inspector/promises';

/** Counts the blocks of functions in `src/` that run. It has to be started before they do for the first time. */
export class BlockCounter {
  private constructor(private readonly session: Session) {}

  static async start(): Promise<BlockCounter> {
    const session = new Session();
    session.connect();
    await session.post('Profiler.enable');
    await session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: true });
    return new BlockCounter(session);
  }

  /** @returns the blocks that ran meanwhile, each as often as it did */
  async during(run: () => unknown): Promise<number> {
    await this.take();
    await run();
    return this.take();
  }

  private async take(): Promise<number> {
    const { result } = await this.session.post('Profiler.takePreciseCoverage');
    const own = result.filter(({ url }) => url.includes('/src/') && !url.includes('/node_modules/'));
    const ranges = own.flatMap(({ functions }) => functions.flatMap((one) => one.ranges));
    return ranges.reduce((all, { count }) => all + count, 0);
  }

  stop(): void {
    this.session.disconnect();
  }
}
