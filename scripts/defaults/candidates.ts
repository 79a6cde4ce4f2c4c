// Measures what could choose the rate of pretrained layers before they train: a range test of all layers, printed as a line of JSON for
// each task, and the features of the frozen layers in FOLDER/features/TASK.json, for python/logme.py. The third candidate, the error of
// the head alone, is in the results of run.ts.
//   npx tsx scripts/defaults/candidates.ts FOLDER [--tasks emoji-food,…] [--model default] [--seed 0]

import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { openRuntime } from '../../src/node/commands/environment.ts';
import { findLr } from '../../src/node/commands/index.ts';
import { fileReading } from '../../src/node/commands/inputs.ts';
import { openDataOf, openModel } from '../../src/node/commands/opening.ts';
import { openSources, optionsOf, prepareModel, taskOf, trainingConfigOf } from '../../src/session/index.ts';
import { CompiledStage, planStages, trainingPlan } from '../../src/training/index.ts';
import { tableOf } from './split.ts';
import { TASKS } from './tasks.ts';

const text = { type: 'string' } as const;
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { tasks: text, model: text, seed: text },
});
const [folder] = positionals;
if (!folder) {
  console.error('Usage: npx tsx scripts/defaults/candidates.ts FOLDER [--tasks LIST] [--model PATH] [--seed N]');
  process.exit(2);
}
const { tasks = Object.keys(TASKS).join(), model = 'default', seed = '0' } = values;

for (const task of tasks.split(',')) {
  const data = tableOf(join(folder, task), Number(seed));
  const { features, labels } = await featuresOf(data);
  const { suggestions } = await findLr({ model, data, settings: { trainable: 'all', pretrainedRate: 1 } });
  await mkdir(join(folder, 'features'), { recursive: true });
  const rows = features.map((row) => Array.from(row));
  await writeFile(join(folder, 'features', `${task}.json`), JSON.stringify({ features: rows, labels }));
  console.log(JSON.stringify({ task, rates: suggestions }));
}

/** What the head reads, of each training sample without augmentation. */
async function featuresOf(data: string): Promise<{ features: Float32Array[]; labels: number[] }> {
  const opened = await openModel({ model, settings: { augment: 'none' } }, {});
  const { resolved, settings, preprocessing: format } = opened;
  const runtime = await openRuntime('cpu', {});
  const dataset = await openDataOf(opened, data, {});
  const task = taskOf(opened.model, dataset, settings);
  const config = trainingConfigOf(settings);
  const { network, anatomy } = await prepareModel(
    opened.model,
    runtime,
    optionsOf(opened.model, resolved, task, settings, format),
  );
  const [head] = planStages({ ...config, trainable: 'head' }, anatomy);
  const plan = trainingPlan(config, head, anatomy, anatomy.head.graphOutput);
  const { frozen } = await CompiledStage.compile({ network, plan, task, runtime, seed: 0 });
  const { train } = openSources({ dataset, format, settings, task }, fileReading({}));
  const [features, labels]: [Float32Array[], number[]] = [[], []];
  for await (const batch of frozen.batches(train, { epoch: 0, batchSize: config.batch })) {
    const { [anatomy.head.input]: values } = await frozen.values(batch, [anatomy.head.input]);
    const width = values.data.length / batch.labels.length;
    for (const [i, label] of batch.labels.entries()) {
      features.push(Float32Array.from(values.data.slice(i * width, (i + 1) * width) as Float32Array));
      labels.push(Number(label));
    }
  }
  await frozen.release();
  return { features, labels };
}
