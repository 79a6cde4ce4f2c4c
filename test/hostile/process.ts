/**
 * Tries invalid files on a target in a separate process, because a file may crash it. Arguments: target, folder, seed,
 * first, count.
 */
import { mkdirSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { ThawError } from '../../src/errors.ts';
import { Random } from '../../src/random.ts';
import { classOf, TARGETS } from './targets.ts';

const [name, folder, seed, first, count] = process.argv.slice(2);
const target = TARGETS[name];
mkdirSync(folder, { recursive: true });
target.surround?.(folder);

const corpus = await target.corpus();
/**
 * Accepted mutants with a new outcome. They are mutated further. A refused file would be refused again, for the same
 * reason.
 */
const taken: Uint8Array[] = [];
const known = new Set<string>();
const LARGEST_CORPUS = 300;

/** Writes one line synchronously, so that it arrives even if the process dies next. */
const tell = (report: object): void => void writeSync(1, `${JSON.stringify(report)}\n`);

function tellFault(i: number, content: Uint8Array, fault: string): void {
  writeFileSync(join(folder, `fault-${i}`), content);
  tell({ i, fault });
}

interface Outcome {
  readonly found: string;
  readonly isRefused: boolean;
  /** Whether to mutate the file further. */
  readonly isTaken: boolean;
}

async function outcome(content: Uint8Array): Promise<Outcome> {
  try {
    const found = await target.attempt(content, folder);
    return { found, isRefused: false, isTaken: target.isTaken?.(found) ?? true };
  } catch (error) {
    if (!(error instanceof ThawError)) throw error;
    if (/\n/.test(error.line)) throw new Error(`a message of several lines: ${error.line}`);
    return { found: classOf(`${error.code}: ${error.message}`), isRefused: true, isTaken: false };
  }
}

for (const content of corpus) {
  // Shows that the process is alive.
  writeSync(1, 'a file of the corpus\n');
  const { found, isRefused } = await outcome(content);
  // Mutants of a refused file give no information.
  if (isRefused) throw new Error(`a file of the corpus is refused: ${found}`);
  known.add(found);
}

for (let i = Number(first); i < Number(first) + Number(count); i++) {
  const random = new Random(Number(seed), name, i);
  const from = taken.length && random.below(2) ? taken : corpus;
  // A copy, because the file may be a `Buffer`, whose slices share its memory.
  const content = target.mutate(new Uint8Array(from[random.below(from.length)]), random, corpus);
  writeFileSync(join(folder, 'under-trial'), content);
  tell({ i });
  const began = performance.now();
  const used = process.cpuUsage();
  try {
    const { found, isTaken } = await outcome(content);
    if (isTaken && !known.has(found) && taken.length < LARGEST_CORPUS && content.length < 200_000) taken.push(content);
    known.add(found);
    tell({ i, found });
  } catch (error) {
    tellFault(i, content, (error as Error)?.stack ?? String(error));
  }
  const { user, system } = process.cpuUsage(used);
  // Wall time grows on a busy machine, and processor time grows with many cores.
  const milliseconds = Math.min(performance.now() - began, (user + system) / 1000);
  if (milliseconds > (target.slow ?? 2000)) tellFault(i, content, `it took ${Math.round(milliseconds)} ms`);
}
tell({ outcomes: known.size, peak: process.resourceUsage().maxRSS * 1024 });
process.exit(0);
