/**
 * What a process of Node holds while one training goes through hundreds of stages, each compiled, trained, evaluated and given back:
 *
 *     node --expose-gc --import tsx scripts/node-memory.ts [--stages 300]
 *
 * Prints the megabytes after each tenth of the stages, garbage collected, in lines of JSON.
 */
import { parseArgs } from 'node:util';
import { classification } from '../src/tasks/index.ts';
import { parseConfig, Trainer, trainingSchema } from '../src/training/index.ts';
import { prepared, runtime } from '../test/training/network.ts';
import { SyntheticImages } from '../test/training/source.ts';

const { values } = parseArgs({ options: { stages: { type: 'string', default: '300' } } });
const count = Number(values.stages);

const trainer = new Trainer({
  ...(await prepared()),
  runtime,
  task: classification(['red', 'green', 'blue']),
  train: new SyntheticImages(12, 1),
  val: new SyntheticImages(6, 2),
  config: parseConfig(trainingSchema, {
    batch: 6,
    // In turn: what is frozen, what it hands on and what the optimizer holds change from stage to stage.
    stages: Array.from({ length: count }, (_, i) => ({ train: ['head', 'last:2', 'all'][i % 3], epochs: 1, lr: 1e-6 })),
  }),
});
const megabytes = (bytes: number) => Math.round(bytes / 1e5) / 10;
let done = 0;
for await (const { type } of trainer.run()) {
  if (type !== 'stage-end' || ++done % Math.ceil(count / 10)) continue;
  globalThis.gc?.();
  const { rss, heapUsed, external } = process.memoryUsage();
  const held = { resident: megabytes(rss), heap: megabytes(heapUsed), external: megabytes(external) };
  process.stdout.write(`${JSON.stringify({ stages: done, ...held })}\n`);
}
