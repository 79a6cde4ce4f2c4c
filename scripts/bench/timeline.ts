// Seconds, processor seconds and sessions of each phase of `thaw train`, from its own events. Build first.
//   npx tsx scripts/bench/timeline.ts efficientnet-lite0 hymenoptera_data --trainable head --epochs 6
import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { markdownTable } from './tables.ts';

/** A line that `timeline-hook.js` writes. Times are in milliseconds. */
interface TimelineLine {
  readonly at: number;
  /** Of the processor, in all threads. */
  readonly cpu: number;
  readonly what: 'start' | 'event' | 'load' | 'run' | 'exit';
  /** Of an event. */
  readonly name?: string;
  /** Of a load or a run. */
  readonly ms?: number;
}

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));

const folder = await mkdtemp(join(tmpdir(), 'thaw-timeline-'));
const file = join(folder, 'timeline.jsonl');
const began = Date.now();
try {
  const code = await train(process.argv.slice(2));
  const lines = (await readFile(file, 'utf8')).trim().split('\n');
  console.log(timeline(lines.map((line) => JSON.parse(line) as TimelineLine)));
  process.exitCode = code;
} finally {
  await rm(folder, { recursive: true, force: true });
}

function train(args: readonly string[]): Promise<number> {
  const child = spawn(
    process.execPath,
    [here('../../dist/node/main.js'), 'train', ...args, '--json', '--out', join(folder, 'run')],
    {
      stdio: ['ignore', 'ignore', 'inherit'],
      env: { ...process.env, TIMELINE: file, NODE_OPTIONS: `--import ${here('timeline-hook.js')}` },
    },
  );
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (status) => resolve(status ?? 1));
  });
}

/** A row for each event except steps: the time since the event before. */
function timeline(lines: readonly TimelineLine[]): string {
  let [last, processor] = [began, 0];
  let sums = { loads: 0, loading: 0, runs: 0, running: 0 };
  const rows: string[][] = [];
  for (const { at, cpu, what, name, ms = 0 } of lines) {
    if (what === 'load') sums = { ...sums, loads: sums.loads + 1, loading: sums.loading + ms };
    else if (what === 'run') sums = { ...sums, runs: sums.runs + 1, running: sums.running + ms };
    else {
      const seconds = (value: number) => (value / 1000).toFixed(2);
      rows.push([
        ...[name ?? what, seconds(at - began), seconds(at - last), seconds(cpu - processor)],
        ...[`${sums.loads}`, seconds(sums.loading), `${sums.runs}`, seconds(sums.running)],
      ]);
      [last, processor] = [at, cpu];
      sums = { loads: 0, loading: 0, runs: 0, running: 0 };
    }
  }
  const head = ['until', 'at, s', 'took, s', 'processor, s', 'sessions', 'loading, s', 'runs', 'running, s'];
  return markdownTable(head, rows);
}
