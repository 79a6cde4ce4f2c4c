/** Interleaved measuring: contenders take short turns, so that what else the machine does meets all of them alike. */
import { setTimeout as sleep } from 'node:timers/promises';
import { CONTENDERS, REFERENCE } from './contenders.ts';
import type { BenchOptions } from './options.ts';
import type { StepsReady, StepsRequest, StepsTaken } from './protocol.ts';
import { median, quantile } from './statistics.ts';
import { ContenderError, Worker } from './worker.ts';

/** One contender's outcome in one case. */
export interface Measured {
  readonly contender: string;
  readonly version: string;
  /** Parameter elements that it trained. */
  readonly trainable: number;
  /** Seconds a step. */
  readonly median: number;
  readonly quartiles: readonly [number, number];
  readonly steps: number;
  /** Peak of the whole process, in bytes. */
  readonly memory: number;
}

export interface CaseResult {
  readonly measured: readonly Measured[];
  /** Why contenders are not among them. */
  readonly failed: readonly { readonly contender: string; readonly reason: string }[];
}

/** Threads that wait for more work may spin for a while: nobody is measured meanwhile. Seconds. */
const REST = 0.2;
/** Largest difference of first losses, as a part: float32 in another order, through a hundred layers. */
const LOSS_TOLERANCE = 2e-3;

interface Entry {
  readonly contender: string;
  readonly worker: Worker;
  readonly ready: StepsReady;
  readonly firstLoss: number;
  readonly seconds: number[];
}

/** Everyone's step times for one network and selection. */
export async function measureSteps(
  request: Omit<StepsRequest, 'options'>,
  options: BenchOptions,
  say: (line: string) => void,
): Promise<CaseResult> {
  const failed: { contender: string; reason: string }[] = [];
  const entries: Entry[] = [];
  const attempt = async (contender: string, worker: Worker, work: () => Promise<void>): Promise<boolean> => {
    try {
      await work();
      return true;
    } catch (error) {
      if (!(error instanceof ContenderError)) throw error;
      say(`  ${contender}: ${error.message}`);
      failed.push({ contender, reason: error.message });
      await worker.end();
      return false;
    }
  };
  try {
    for (const contender of options.contenders) {
      const { command, options: own } = CONTENDERS[contender];
      const worker = new Worker(command(options.interpreters), options.threads);
      await attempt(contender, worker, async () => {
        const ready = await worker.ask<StepsReady>('prepare', { ...request, options: own });
        const { losses } = await worker.ask<StepsTaken>('step', options.warmup);
        entries.push({ contender, worker, ready, firstLoss: losses[0], seconds: [] });
      });
    }
    refuseOtherLosses(entries, failed, say);
    for (let round = 0; round < options.rounds; round++) {
      for (const entry of [...entries]) {
        await sleep(REST * 1000);
        const went = await attempt(entry.contender, entry.worker, async () => {
          // After others' turns the caches are cold, as they never are in a training.
          const { seconds } = await entry.worker.ask<StepsTaken>('step', options.steps + 1);
          entry.seconds.push(...seconds.slice(1));
        });
        if (!went) entries.splice(entries.indexOf(entry), 1);
      }
    }
    const measured: Measured[] = [];
    for (const { contender, worker, ready, seconds } of entries) {
      measured.push({
        contender,
        ...ready,
        median: median(seconds),
        quartiles: [quantile(seconds, 0.25), quantile(seconds, 0.75)],
        steps: seconds.length,
        memory: await worker.peakMemory(),
      });
    }
    return { measured, failed };
  } finally {
    await Promise.all(entries.map(({ worker }) => worker.end()));
  }
}

/** Speed at something else is no result: whoever should see the reference's loss before the first update must. */
function refuseOtherLosses(
  entries: Entry[],
  failed: { contender: string; reason: string }[],
  say: (line: string) => void,
): void {
  const reference = entries.find(({ contender }) => contender === REFERENCE);
  if (!reference) return;
  for (const entry of entries.filter(({ contender }) => CONTENDERS[contender].sameLoss)) {
    const difference = Math.abs(entry.firstLoss - reference.firstLoss) / reference.firstLoss;
    if (difference <= LOSS_TOLERANCE) continue;
    const reason = `its first loss is ${entry.firstLoss}, that of PyTorch ${reference.firstLoss}`;
    say(`  ${entry.contender}: ${reason}`);
    failed.push({ contender: entry.contender, reason });
    entries.splice(entries.indexOf(entry), 1);
    void entry.worker.end();
  }
}
