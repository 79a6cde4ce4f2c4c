/**
 * Measures the memory of a Node process during one training of hundreds of stages, each compiled, trained, evaluated and released:
 *
 *     node --expose-gc --import tsx scripts/node-memory.ts [--stages 300]
 *
 * Prints JSON lines with the megabytes after every tenth of the stages, after garbage collection.
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
    // Alternates, so that frozen layers, features and optimizer state change from stage to stage.
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
