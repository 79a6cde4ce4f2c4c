// Trains each plan on each task with each model and seed, and appends the results to FOLDER/results.jsonl. Skips runs that are there
// already, so it continues after a stop.
//   npx tsx scripts/defaults/run.ts FOLDER --tasks emoji-food,texts --models default,encoder=PATH --plans default,grid --seeds 0,1,2
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs, promisify } from 'node:util';
import { PLAN_SETS, PLANS } from './plans.ts';
import { addResult, keyOf, type RunKey, type RunResult, readResults } from './results.ts';
import { tableOf } from './split.ts';
import { TASKS } from './tasks.ts';
import type { RunRequest } from './worker.ts';

const USAGE = `Usage: npx tsx scripts/defaults/run.ts FOLDER [options]

  FOLDER         with the tasks that draw.ts drew
  --tasks LIST   ${Object.keys(TASKS).join(',')}
  --models LIST  default, or NAME=PATH
  --plans LIST   default; ${Object.keys(PLAN_SETS).join(' and ')} stand for several plans
  --seeds LIST   0,1,2,3,4
  --threads N    threads of a run (1)
  --jobs N       runs at the same time (2)
`;

const text = { type: 'string' } as const;
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { tasks: text, models: text, plans: text, seeds: text, threads: text, jobs: text },
});
const [folder] = positionals;
if (!folder) {
  console.error(USAGE);
  process.exit(2);
}
const list = (given: string | undefined, usual: string): string[] => (given ?? usual).split(',');
const known = (names: readonly string[], all: object): readonly string[] => {
  const unknown = names.find((name) => !Object.hasOwn(all, name));
  if (unknown === undefined) return names;
  console.error(`There is no "${unknown}"\n\n${USAGE}`);
  process.exit(2);
};

const tasks = known(list(values.tasks, Object.keys(TASKS).join()), TASKS);
const named = list(values.plans, 'default').flatMap((name) => PLAN_SETS[name] ?? name);
const plans = known([...new Set(named)], PLANS);
const seeds = list(values.seeds, '0,1,2,3,4').map(Number);
const models = new Map(list(values.models, 'default').map((one) => nameAndPath(one)));
const threads = Number(values.threads ?? 1);

const done = new Set(readResults(folder).map(keyOf));
// All plans of a seed before the next seed, so that a run that was stopped can compare the plans.
const missing = seeds
  .flatMap((seed) =>
    tasks.flatMap((task) => [...models.keys()].flatMap((model) => plans.map((plan) => ({ task, model, plan, seed })))),
  )
  .filter((key) => !done.has(keyOf(key)));
console.log(`${missing.length} runs, ${done.size} results in ${folder}`);

const stop = new AbortController();
for (const [signal, code] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const) {
  process.once(signal, () => {
    stop.abort();
    process.exit(code);
  });
}

let failed = 0;
const queue = missing.values();
await Promise.all(Array.from({ length: Number(values.jobs ?? 2) }, work));
process.exit(failed ? 1 : 0);

/** Takes runs from the queue until it is empty. */
async function work(): Promise<void> {
  for (const key of queue) {
    try {
      const result = await runChild(key);
      addResult(folder, result);
      const { val, test, processorSeconds } = result;
      console.log(`${keyOf(key)}: val ${val.toFixed(4)}, test ${test.toFixed(4)}, ${processorSeconds.toFixed(0)} s`);
    } catch (error) {
      failed++;
      console.error(`${keyOf(key)}: ${(error as Error).message}`);
    }
  }
}

/** Each run has a process of its own, so that no run inherits memory or threads. */
async function runChild(key: RunKey): Promise<RunResult> {
  const request: RunRequest = {
    ...key,
    path: models.get(key.model)!,
    data: tableOf(join(folder, key.task), key.seed),
    out: join(folder, 'runs', keyOf(key).replaceAll(' ', '-')),
    threads,
  };
  const worker = fileURLToPath(new URL('worker.ts', import.meta.url));
  const args = ['--import', 'tsx', worker, JSON.stringify(request)];
  const { stdout } = await promisify(execFile)(process.execPath, args, { signal: stop.signal });
  return JSON.parse(stdout);
}

function nameAndPath(model: string): [string, string] {
  const [name, path = name] = model.split('=');
  return [name, path];
}
