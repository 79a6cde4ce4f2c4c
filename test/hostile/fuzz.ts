import { spawn } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const MAIN = fileURLToPath(new URL('process.ts', import.meta.url));
/**
 * After this many milliseconds without a line, a process counts as hanging. This includes its start on a busy machine.
 */
const SILENCE = 120_000;

export interface Fault {
  readonly target: string;
  readonly seed: number;
  readonly i: number;
  /** The fault: an exception other than `ThawError`, the end of the process, or a hang. */
  readonly what: string;
}

export interface Findings {
  readonly tried: number;
  /** The number of different outcomes that one process saw. */
  readonly outcomes: number;
  /** The number of occurrences per outcome. */
  readonly counts: ReadonlyMap<string, number>;
  /** Peak memory of the process, in bytes. */
  readonly peak: number;
  readonly faults: readonly Fault[];
}

export interface FuzzOptions {
  readonly seed: number;
  /** The number of the first file; 0 unless given. */
  readonly first?: number;
  readonly count: number;
  /** The folder for files that cause faults. */
  readonly keep?: string;
}

/**
 * Tries `count` invalid files on a target, in a process with little memory. If the process ends, another one continues
 * with the next file.
 */
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
        // The process may already be at a later file. The file that ended it has no copy.
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
