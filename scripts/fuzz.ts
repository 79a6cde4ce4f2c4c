/**
 * Tries damaged files on all code that reads untrusted files: `npx tsx scripts/fuzz.ts [target…] [--seed 1] [--count 20000]
 * [--first 0] [--jobs 1] [--outcomes] [--keep fuzz-faults]`. Exits with 1 if a file causes a fault. It keeps such files, and
 * `--again FILE` tries one again.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import type { ErrorCode } from '../src/errors.ts';
import { type Findings, fuzz } from '../test/hostile/fuzz.ts';
import { TARGETS } from '../test/hostile/targets.ts';

const CODES: readonly ErrorCode[] = [
  'bad-model',
  'bad-data',
  'bad-config',
  'unsupported-operator',
  'not-found',
  'network',
  'device',
  'memory',
  'run-directory',
  'diverged',
];

/** The number of files that one process tries. */
const SHARD = 1000;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    seed: { type: 'string', default: '1' },
    first: { type: 'string', default: '0' },
    count: { type: 'string', default: '20000' },
    jobs: { type: 'string', default: '1' },
    keep: { type: 'string', default: 'fuzz-faults' },
    outcomes: { type: 'boolean', default: false },
    again: { type: 'string' },
  },
});
const unknown = positionals.find((name) => !Object.hasOwn(TARGETS, name));
if (unknown !== undefined) {
  console.error(`there is no target "${unknown}": ${Object.keys(TARGETS).join(', ')}`);
  process.exit(2);
}
const [seed, first, count, jobs] = [values.seed, values.first, values.count, values.jobs].map(Number);

if (values.again === undefined)
  for (const target of positionals.length ? positionals : Object.keys(TARGETS)) await tryOn(target);
else await tryAgain(positionals[0], values.again);
process.exit();

/** Runs parts of `SHARD` files, `jobs` at a time. The mutants do not depend on that number. */
async function tryOn(target: string): Promise<void> {
  const began = performance.now();
  const all: Findings[] = [];
  let next = first;
  const work = async () => {
    while (next < first + count) {
      const from = next;
      next = Math.min(from + SHARD, first + count);
      all.push(await fuzz(target, { seed, first: from, count: next - from, keep: values.keep }));
      if (count > SHARD) process.stderr.write(`  ${target}: ${from} to ${next - 1} done\n`);
    }
  };
  await Promise.all(Array.from({ length: jobs }, work));

  const faults = all.flatMap((findings) => findings.faults);
  const counts = new Map<string, number>();
  for (const findings of all)
    for (const [outcome, n] of findings.counts) counts.set(outcome, (counts.get(outcome) ?? 0) + n);
  const peak = Math.round(Math.max(...all.map((findings) => findings.peak)) / 2 ** 20);
  const seconds = Math.round((performance.now() - began) / 1000);
  console.log(
    `${target.padEnd(14)} ${count} files, ${counts.size} outcomes, ${faults.length} faults, ${peak} MiB, ${seconds} s`,
  );
  for (const [kind, n] of kindsOf(counts, TARGETS[target].steps)) console.log(`${String(n).padStart(8)}  ${kind}`);
  if (values.outcomes)
    for (const [outcome, n] of [...counts].sort(([, a], [, b]) => b - a))
      console.log(`${String(n).padStart(8)}    ${outcome}`);
  for (const { i, what } of faults)
    console.log(`  ${target}-${seed}-${i}: ${what.split('\n').slice(0, 6).join('\n    ')}`);
  if (faults.length) process.exitCode = 1;
}

/** Counts accepted and refused files, by the target's step and the error's code. */
function kindsOf(counts: ReadonlyMap<string, number>, steps: readonly string[] = ['']): [kind: string, n: number][] {
  const kinds = new Map<string, number>();
  for (const [outcome, n] of counts) {
    const parts = steps.length > 1 ? outcome.split(' | ') : [outcome];
    for (const [i, step] of steps.entries()) {
      const refused = CODES.find((code) => parts[i]?.startsWith(`${code}: `));
      const kind = `${step && `${step}: `}${refused ? `refused, ${refused}` : 'taken'}`;
      kinds.set(kind, (kinds.get(kind) ?? 0) + n);
    }
  }
  return [...kinds].sort(([a], [b]) => a.localeCompare(b));
}

async function tryAgain(target: string, file: string): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'thaw-again-'));
  try {
    TARGETS[target].surround?.(folder);
    await TARGETS[target].corpus();
    console.log(await TARGETS[target].attempt(readFileSync(file), folder));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
