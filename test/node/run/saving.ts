/** A process that saves checkpoints, one step after the other, until it is killed. It reports each saved step. */
import { resumeRun } from '../../../src/node/run/index.ts';
import { checkpointAt } from './fixture.ts';

const run = await resumeRun(process.argv[2]);
let step = run.hasCheckpoint('last') ? (await run.checkpoint('last')).progress.step : 0;
for (;;) {
  step++;
  await run.saveCheckpoint('last', checkpointAt(step, 20_000));
  process.stdout.write(`${step}\n`);
}
