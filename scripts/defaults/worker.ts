// Trains one run in a process of its own, and prints its result as a line of JSON. run.ts starts it with a RunRequest as the argument.
import { rm } from 'node:fs/promises';
import sharp from 'sharp';
import { fetchModel } from '../../src/node/commands/fetch-model.ts';
import { train } from '../../src/node/commands/index.ts';
import { withRecommended } from '../../src/session/index.ts';
import { PLANS } from './plans.ts';
import type { RunKey, RunResult } from './results.ts';

export interface RunRequest extends RunKey {
  /** Path of the model, or `default`. */
  readonly path: string;
  /** The table of the seed. */
  readonly data: string;
  /** Folder of the run. It is removed at the end. */
  readonly out: string;
  readonly threads: number;
}

async function run({ path, data, out, threads, ...key }: RunRequest): Promise<RunResult> {
  sharp.concurrency(threads);
  await rm(out, { recursive: true, force: true });
  const { config } = await fetchModel(path, {});
  const { lr } = withRecommended({}, config).settings;
  const [before, began] = [process.cpuUsage(), performance.now()];
  const vals: number[] = [];
  const stages: object[] = [];
  const decisions: object[] = [];
  const outcome = await train(
    { model: path, data, out, settings: { ...PLANS[key.plan](lr), seed: key.seed, artifacts: false, threads } },
    {
      onEvent: (event) => {
        if (event.type === 'epoch') vals.push(event.val.accuracy);
        if (event.type === 'stage') stages.push({ train: event.train, epochs: event.epochs, lr: event.lr });
        if (event.type === 'decision')
          decisions.push({ stage: event.stage, decision: event.decision, message: event.message });
      },
    },
  );
  const { user, system } = process.cpuUsage(before);
  const seconds = (performance.now() - began) / 1000;
  await rm(out, { recursive: true });
  return {
    ...key,
    val: vals[outcome.bestEpoch! - 1],
    test: outcome.test!.accuracy,
    epochs: outcome.epochs,
    seconds,
    processorSeconds: (user + system) / 1e6,
    threads,
    stages,
    decisions,
  };
}

console.log(JSON.stringify(await run(JSON.parse(process.argv[2]))));
