import { spawn } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const MAIN = fileURLToPath(new URL('process.ts', import.meta.url));
/** Milliseconds without a line after which a process hangs, its start on a busy machine included. */
const SILENCE = 120_000;

export interface Fault {
  readonly target: string;
  readonly seed: number;
  readonly i: number;
  /** What happened: an exception that is no `ThawError`, the end of the process, a hang. */
  readonly what: string;
}

export interface Findings {
  readonly tried: number;
  /** Different outcomes seen by one process. */
  readonly outcomes: number;
  /** How often each outcome came. */
  readonly counts: ReadonlyMap<string, number>;
  /** Bytes of memory that the process held at most. */
  readonly peak: number;
  readonly faults: readonly Fault[];
}

export interface FuzzOptions {
  readonly seed: number;
  /** Number of the first file; 0 unless given. */
  readonly first?: number;
  readonly count: number;
  /** Where the files at fault are kept. */
  readonly keep?: string;
}

/** Tries `count` wrong files on a target, in a process with little memory; where that ends, in another from the next file on. */
export async function fuzz(target: string, { seed, first = 0, count, keep }: FuzzOptions): Promise<Findings> {
  const faults: Fault[] = [];
  const counts = new Map<string, number>();
  const found = (outcome: string) => counts.set(outcome, (counts.get(outcome) ?? 0) + 1);
  const end = first + count;
  let [next, outcomes, peak] = [first, 0, 0];
  while (next < end) {
    const folder = mkdtempSync(join(tmpdir(), 'thaw-hostile-'));
    try {
      const fault = (i: number, what: string) => {
        faults.push({ target, seed, i, what });
        if (!keep) return;
        mkdirSync(keep, { recursive: true });
        // The process may be at a later file by now; of the one that ended it, there is no copy.
        const copy = join(folder, `fault-${i}`);
        cpSync(existsSync(copy) ? copy : join(folder, 'under-trial'), join(keep, `${target}-${seed}-${i}`));
      };
      const ended = await run([target, folder, seed, next, end - next].map(String), { fault, found });
      [outcomes, peak] = [Math.max(outcomes, ended.outcomes), Math.max(peak, ended.peak)];
      next = ended.whole ? end : ended.last + 1;
      if (ended.last < 0) throw new Error(`${target}: the process ended before the first file: ${ended.why}`);
      if (!ended.whole) fault(ended.last, ended.why);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  }
  return { tried: count, outcomes, counts, peak, faults };
}

interface Ended {
  readonly whole: boolean;
  readonly last: number;
  readonly why: string;
  readonly outcomes: number;
  readonly peak: number;
}

interface Listeners {
  readonly fault: (i: number, what: string) => void;
  readonly found: (outcome: string) => void;
}

function run(words: readonly string[], { fault, found }: Listeners): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, ['--max-old-space-size=384', '--import', 'tsx', MAIN, ...words], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const seen = { last: -1, outcomes: 0, peak: 0, whole: false };
    let hung = false;
    let errors = '';
    const watch = () =>
      setTimeout(() => {
        hung = true;
        child.kill('SIGKILL');
      }, SILENCE);
    let timer = watch();
    child.stderr.on('data', (chunk) => {
      errors = (errors + chunk).slice(-2000);
    });
    const lines = createInterface({ input: child.stdout });
    lines.on('line', (line) => {
      clearTimeout(timer);
      timer = watch();
      if (!line.startsWith('{')) return;
      const report = JSON.parse(line);
      if (report.outcomes) Object.assign(seen, report, { whole: true });
      else if (report.fault) fault(report.i, report.fault);
      else if (report.found !== undefined) found(report.found);
      else seen.last = report.i;
    });
    child.on('error', reject);
    child.on('close', (code, signal) => {
      clearTimeout(timer);
      resolve({ ...seen, why: hung ? 'it hangs' : `the process ended (${signal ?? code}): ${errors}` });
    });
  });
}
