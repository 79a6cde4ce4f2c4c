import { randomUUID } from 'node:crypto';
import { listed } from '../../listed.ts';
import { plural } from '../../report/format.ts';
import {
  type TrackedFile,
  type TrackedMetrics,
  type TrackedRun,
  type TrackedStatus,
  TrackerRefusal,
  type TrackerSink,
} from './sink.ts';

/** A tracker's state in a run directory. */
export interface TrackerState {
  readonly id?: string;
  /** The last epoch whose metrics the tracker has. */
  readonly sent: number;
}

export interface DeliveryOptions {
  readonly state?: TrackerState;
  /** Metrics of the epochs before a resume. */
  readonly earlier: readonly TrackedMetrics[];
  /** Stores the state in the run directory. */
  readonly save: (state: TrackerState) => Promise<void>;
  readonly onNotice: (message: string) => void;
  /** In milliseconds: the first pause after a failure, and the limits of a call. */
  readonly times?: Partial<typeof TIMES>;
}

/** The end of a run. */
export interface Ending {
  readonly status: TrackedStatus;
  readonly metrics: readonly TrackedMetrics[];
  readonly files: readonly TrackedFile[];
}

/** Maximum number of rows that wait for a tracker. */
const MOST_WAITING = 10_000;
/** In milliseconds. */
const TIMES = {
  /** The first pause after a failure. Each further one is twice as long, up to `longest`. */
  pause: 1000,
  longest: 60_000,
  /** Limit of a call during the training, whose steps can block it; after the training; and with files. */
  call: 60_000,
  lastCall: 10_000,
  files: 15 * 60_000,
};

/** Sends a run to a tracker in the background: in order, with retries. The training waits only for `close`. */
export class Delivery {
  private waiting: readonly TrackedMetrics[] = [];
  private state: TrackerState | undefined;
  private isStarted = false;
  private isFailing = false;
  private dropped = 0;
  private ending: Ending | undefined;
  private wake = () => {};
  private readonly key = randomUUID();
  private readonly times: typeof TIMES;
  private readonly work: Promise<void>;

  constructor(
    private readonly sink: TrackerSink,
    private readonly run: Omit<TrackedRun, 'id' | 'key'>,
    private readonly options: DeliveryOptions,
  ) {
    this.state = options.state;
    this.times = { ...TIMES, ...options.times };
    this.work = this.deliver();
  }

  /** Adds the metrics of an epoch. */
  push(row: TrackedMetrics): void {
    // A resumed run repeats an epoch that its checkpoint lacks.
    if (row.epoch <= (this.state?.sent ?? 0)) return;
    const isFull = this.waiting.length === MOST_WAITING;
    if (isFull) this.dropped++;
    this.waiting = [...(isFull ? this.waiting.slice(1) : this.waiting), row];
    this.wake();
  }

  /** Sends the rest and ends the run. Gives up at the first failure and reports the missing parts. Never fails. */
  close(ending: Ending): Promise<void> {
    this.ending = ending;
    this.wake();
    return this.work;
  }

  private async deliver(): Promise<void> {
    for (let { pause } = this.times; ; ) {
      const { ending } = this;
      try {
        await this.sendWaiting();
        if (ending) return await this.finish(ending);
        if (this.isFailing) this.options.onNotice(`${this.sink.name} answers again and has all epochs so far`);
        this.isFailing = false;
        await this.changed();
      } catch (error) {
        const { message } = error as Error;
        if (ending || error instanceof TrackerRefusal) return this.giveUp(message);
        if (!this.isFailing)
          this.options.onNotice(`${this.sink.name}: ${message}. The training continues; Thaw will try again`);
        this.isFailing = true;
        await this.changed(pause);
        pause = Math.min(2 * pause, this.times.longest);
      }
    }
  }

  /** Waits for the end of the run and for a new row, or for a time in milliseconds. */
  private async changed(pause?: number): Promise<void> {
    if (this.ending || (pause === undefined && this.waiting.length)) return;
    let timer: NodeJS.Timeout | undefined;
    await new Promise<void>((resolve) => {
      this.wake = () => {
        if (this.ending || pause === undefined) resolve();
      };
      if (pause !== undefined) timer = setTimeout(resolve, pause);
    });
    clearTimeout(timer);
    this.wake = () => {};
  }

  private async sendWaiting(): Promise<void> {
    if (!this.isStarted) await this.start();
    const rows = this.waiting;
    if (rows.length === 0) return;
    await this.call(() => this.sink.metrics(rows));
    const sent = new Set(rows);
    this.waiting = this.waiting.filter((row) => !sent.has(row));
    await this.store({ ...this.state, sent: rows.at(-1)!.epoch });
  }

  private async start(): Promise<void> {
    const { state } = this;
    const id = await this.call(() => this.sink.start({ ...this.run, key: this.key, id: state?.id }));
    this.isStarted = true;
    // A tracker that no longer has the run begins a new one, and gets all its epochs.
    const sent = state?.id === id ? (state?.sent ?? 0) : 0;
    const rows = [...this.options.earlier, ...this.waiting].filter(({ epoch }) => epoch > sent);
    this.waiting = rows.slice(-MOST_WAITING);
    await this.store({ id, sent });
  }

  private async finish({ metrics, files, status }: Ending): Promise<void> {
    const { sink } = this;
    const missing = this.dropped ? [plural(this.dropped, 'epoch')] : [];
    let isGone = false;
    const attempt = async (what: string, send: () => unknown, limit?: number) => {
      try {
        if (isGone) missing.push(what);
        else await this.call(send, limit);
      } catch (error) {
        missing.push(`${what} (${(error as Error).message})`);
        isGone = !(error instanceof TrackerRefusal);
      }
    };
    if (metrics.length) await attempt('the final metrics', () => sink.metrics(metrics));
    if (files.length) await attempt('the files', () => sink.artifacts?.(files), this.times.files);
    await attempt('the end of the run', () => sink.end(status));
    if (missing.length) this.options.onNotice(`${sink.name} lacks ${listed(missing)}. ${COMPLETE}`);
  }

  private giveUp(reason: string): void {
    const epochs = this.waiting.length + this.dropped;
    const lacks = this.isStarted
      ? `lacks ${plural(epochs, 'epoch')} and the end of this run`
      : 'does not have this run';
    const missing = this.ending ? ` and ${lacks}` : '. Thaw sends it nothing more';
    this.options.onNotice(`${this.sink.name}: ${reason}${missing}. ${COMPLETE}`);
  }

  /** Calls the tracker. One that hangs counts as failed. */
  private async call<R>(send: () => Promise<R> | R, limit = this.times[this.ending ? 'lastCall' : 'call']): Promise<R> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error(`no answer within ${limit / 1000} seconds`)), limit);
    });
    try {
      return await Promise.race([(async () => send())(), late]);
    } finally {
      clearTimeout(timer);
    }
  }

  private async store(state: TrackerState): Promise<void> {
    this.state = state;
    await this.options.save(state);
  }
}

const COMPLETE = 'The run directory is complete';
