/** A contender's half of scripts/bench/protocol.ts, in Node. */
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import type { PeakMemory } from '../protocol.ts';

type Handlers = Readonly<Record<string, (argument: never) => Promise<object>>>;

/** Answers requests until the input ends. @param handlers include `memory` if another process computes */
export async function serve(handlers: Handlers): Promise<void> {
  // Other output must not get between the answers.
  console.log = console.error;
  for await (const line of createInterface({ input: process.stdin })) {
    const [[name, argument]] = Object.entries(JSON.parse(line) as Record<string, never>);
    process.stdout.write(`${JSON.stringify(await answer(handlers, name, argument))}\n`);
  }
}

async function answer(handlers: Handlers, name: string, argument: never): Promise<object> {
  try {
    return name === 'memory' && !handlers.memory ? peakMemory() : await handlers[name](argument);
  } catch (error) {
    console.error(error);
    return { error: String((error as Error).message ?? error).split('\n')[0] };
  }
}

/** On Linux, `maxRSS` includes the parent's memory at the time of the fork, so Linux uses another source. */
function peakMemory(): PeakMemory {
  if (process.platform !== 'linux') return { bytes: process.resourceUsage().maxRSS * 1024 };
  const [, kilobytes] = /^VmHWM:\s+(\d+)/m.exec(readFileSync('/proc/self/status', 'utf8'))!;
  return { bytes: Number(kilobytes) * 1024 };
}

export const threads = (): number => Number(process.env.BENCH_THREADS);
