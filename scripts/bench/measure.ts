/** Interleaved measuring: contenders take short turns, so that other work on the machine affects all of them alike. */
import { availableParallelism, cpus } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { CONTENDERS, referenceOf } from './contenders.ts';
import type { BenchOptions } from './options.ts';
import type { StepsReady, StepsRequest, StepsTaken } from './protocol.ts';
import { median, quantile } from './statistics.ts';
import { ContenderError, Worker } from './worker.ts';

/** The result of one contender in one case. */
export interface Measured {
  readonly contender: string;
  readonly version: string;
  /** The number of trained parameter elements. */
  readonly trainable: number;
  /** Seconds per step. */
  readonly median: number;
  readonly quartiles: readonly [number, number];
  readonly steps: number;
  /** CPU seconds per step, of all threads. Other work on the machine affects them less than elapsed time. */
  readonly cpu: number;
  /** The fraction of the machine's CPU time that other processes took in the counted turns. */
  readonly disturbance: number;
  /** Peak of the whole process, in bytes. */
  readonly memory: number;
}

export interface CaseResult {
  readonly measured: readonly Measured[];
  /** The contenders without a result, and the reasons. */
  readonly failed: readonly { readonly contender: string; readonly reason: string }[];
}

/** Seconds to wait between turns: idle threads may spin for a while after a turn. */
const REST = 0.2;
/** Largest relative difference of first losses: float32 sums in another order, through a hundred layers. */
const LOSS_TOLERANCE = 2e-3;

/** If other processes take more than this fraction of the machine in a turn, the turn is repeated, up to `attempts` times. */
export const DISTURBED = 0.08;

interface Turn {
  readonly seconds: readonly number[];
  /** Per step. */
  readonly cpu: number;
  readonly disturbance: number;
}

interface Entry {
  readonly contender: string;
  readonly worker: Worker;
  readonly ready: StepsReady;
  readonly firstLoss: number | null;
  readonly turns: Turn[];
}

/** The step times of all contenders for one network and selection. */
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
        entries.push({ contender, worker, ready, firstLoss: losses[0], turns: [] });
      });
    }
    refuseOtherLosses(entries, failed, say);
    for (let round = 0; round < options.rounds; round++) {
      for (const entry of [...entries]) {
        const went = await attempt(entry.contender, entry.worker, async () => {
          entry.turns.push(await takeTurn(entry.worker, options));
        });
        if (!went) entries.splice(entries.indexOf(entry), 1);
      }
      const last = entries.map(({ contender, turns }) => `${contender} ${milliseconds(median(turns.at(-1)!.seconds))}`);
      say(`  round ${round + 1} of ${options.rounds}: ${last.join(', ')}`);
    }
    const measured: Measured[] = [];
    for (const { contender, worker, ready, turns } of entries) {
      const seconds = turns.flatMap((turn) => turn.seconds);
      measured.push({
        contender,
        ...ready,
        median: median(seconds),
        quartiles: [quantile(seconds, 0.25), quantile(seconds, 0.75)],
        steps: seconds.length,
        cpu: median(turns.map((turn) => turn.cpu)),
        disturbance: median(turns.map(({ disturbance }) => disturbance)),
        memory: await worker.peakMemory(),
      });
    }
    return { measured, failed };
  } finally {
    await Promise.all(entries.map(({ worker }) => worker.end()));
  }
}

export const milliseconds = (seconds: number): string => `${(seconds * 1000).toFixed(0)} ms`;

/** The first undisturbed turn of a few attempts, or the least disturbed. */
async function takeTurn(worker: Worker, { steps, attempts }: BenchOptions): Promise<Turn> {
  let best: Turn | undefined;
  for (let attempt = 0; attempt < attempts; attempt++) {
    await sleep(REST * 1000);
    const began = performance.now();
    const busy = busyTime();
    // After other contenders' turns the caches are cold, unlike in a training, so the first step does not count.
    const { seconds, cpu } = await worker.ask<StepsTaken>('step', steps + 1);
    const available = ((performance.now() - began) / 1000) * availableParallelism();
    const disturbance = Math.max(0, busyTime() - busy - cpu) / available;
    if (!best || disturbance < best.disturbance)
      best = { seconds: seconds.slice(1), cpu: cpu / seconds.length, disturbance };
    if (disturbance < DISTURBED) break;
  }
  return best!;
}

/** Seconds that the machine's processors have worked in total. */
function busyTime(): number {
  return cpus().reduce((all, { times: { user, nice, sys, irq } }) => all + user + nice + sys + irq, 0) / 1000;
}

/** Refuses times for a different computation: contenders marked `sameLoss` must have the reference's loss before the first update. */
function refuseOtherLosses(
  entries: Entry[],
  failed: { contender: string; reason: string }[],
  say: (line: string) => void,
): void {
  const reference = entries.find(({ contender }) => contender === referenceOf(entries.map((entry) => entry.contender)));
  if (!reference?.firstLoss) return;
  for (const entry of entries.filter(({ contender }) => CONTENDERS[contender].sameLoss)) {
    const difference =
      Math.abs((entry.firstLoss ?? Number.POSITIVE_INFINITY) - reference.firstLoss) / reference.firstLoss;
    if (difference <= LOSS_TOLERANCE) continue;
    const reason = `its first loss is ${entry.firstLoss}, that of ${CONTENDERS[reference.contender].title} ${reference.firstLoss}`;
    say(`  ${entry.contender}: ${reason}`);
    failed.push({ contender: entry.contender, reason });
    entries.splice(entries.indexOf(entry), 1);
    void entry.worker.end();
  }
}
