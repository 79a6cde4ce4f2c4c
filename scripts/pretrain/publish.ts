// Writes artifacts/default from the pretraining's last checkpoint: batch norm folded, with its preprocessing and labels.
//   npx tsx scripts/pretrain/publish.ts
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { readSafetensors } from '../../src/compiler/step/index.ts';
import { exportModel } from '../../src/export/index.ts';
import { writeModel } from '../../src/onnx/index.ts';
import { nodeRuntime } from '../../src/runtime/node/sessions.ts';
import type { RecommendedSettings } from '../../src/session/index.ts';
import { type ClassOutcome, classification } from '../../src/tasks/index.ts';
import type { Progress } from '../../src/training/index.ts';
import { foldBatchNorm } from './fold.ts';
import { defaultNetwork } from './network.ts';
import { cacheFolder, readPretrainingSet } from './render.ts';
import { IconSource, preprocessing } from './source.ts';

const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
  version: string;
};
const folder = fileURLToPath(new URL('../../artifacts/default/', import.meta.url));
const set = await readPretrainingSet();
const task = classification(set.concepts);
const { tensors, metadata } = readSafetensors(readFileSync(join(cacheFolder, 'checkpoint.safetensors')));
const progress: Progress = JSON.parse(metadata.progress);
const model = foldBatchNorm(
  exportModel(defaultNetwork(set.concepts.length, 0), tensors, { version, task: task.facts, preprocessing }),
);
const bytes = writeModel(model);

mkdirSync(join(folder, 'onnx'), { recursive: true });
writeFileSync(join(folder, 'onnx', 'model.onnx'), bytes);
copyFileSync(
  fileURLToPath(new URL('preprocessor_config.json', import.meta.url)),
  join(folder, 'preprocessor_config.json'),
);
const config = {
  model_type: 'resnet',
  architectures: ['ResNetForImageClassification'],
  id2label: Object.fromEntries(set.concepts.entries()),
  label2id: Object.fromEntries(set.concepts.map((label, id) => [label, id])),
  'transformers.js_config': { dtype: 'fp32' },
  // docs/defaults.md has the experiments.
  thaw: {
    pretraining: 'drawings',
    training: { augment: 'drawings', views: 0, lr: 0.01 } satisfies RecommendedSettings,
  },
};
writeFileSync(join(folder, 'config.json'), `${JSON.stringify(config, null, 2)}\n`);

// Measures the file to be shipped, to check that folding and writing did not change the model.
const session = await nodeRuntime().load(bytes);
const predictions: ClassOutcome[] = [];
for await (const batch of new IconSource(set, { split: 'val', seed: 1 }).batches({
  epoch: 0,
  batchSize: 64,
})) {
  const { logits } = await session.run({ pixel_values: batch.inputs[0] });
  predictions.push(...task.outcomes(logits.data as Float32Array, batch, 'model'));
}
const { accuracy, top5 } = task.evaluation(predictions, task.loss(predictions));
console.log(
  `${bytes.length} bytes after ${progress.epoch} epochs: top 1 ${accuracy.toFixed(4)}, top 5 ${top5.toFixed(4)} on ${predictions.length} drawings of held-out artists`,
);
