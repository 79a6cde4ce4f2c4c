// Pretrains the default model on the rendered icons, with Thaw's own trainer, from random weights:
//   npm ci --prefix scripts/pretrain && npx tsx scripts/pretrain/render.ts && npx tsx scripts/pretrain/train.ts
// A restart resumes from .cache/pretrain/checkpoint.safetensors. Run scripts/pretrain/publish.ts afterwards.
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { inferShapes } from '../../src/compiler/shapes/index.ts';
import { readSafetensors, writeSafetensors } from '../../src/compiler/step/index.ts';
import { findHead } from '../../src/compiler/surgery/index.ts';
import { nodeRuntime } from '../../src/runtime/node/sessions.ts';
import { classification } from '../../src/tasks/index.ts';
import { type Checkpoint, parseConfig, Trainer, trainingSchema } from '../../src/training/index.ts';
import { defaultNetwork } from './network.ts';
import { cacheFolder, readPretrainingSet } from './render.ts';
import { IconSource } from './source.ts';

const SEED = 1;
const EPOCHS = Number(process.env.EPOCHS ?? 20);
const checkpointFile = join(cacheFolder, 'checkpoint.safetensors');

const set = await readPretrainingSet();
const model = defaultNetwork(set.concepts.length, SEED);
const runtime = nodeRuntime();
const parameters = [...model.graph.initializers.keys()].filter((name) => /\.(weight|bias)$/.test(name));
const network = await inferShapes(model, runtime);
const head = findHead(model);

const trainer = new Trainer({
  network,
  runtime,
  task: classification(set.concepts),
  train: new IconSource(set, { split: 'train', seed: SEED }),
  val: new IconSource(set, { split: 'val', seed: SEED }),
  anatomy: {
    head,
    groups: [
      {
        name: 'all',
        parameters,
        statistics: [],
        count: 0,
        nodes: [0, model.graph.nodes.length - 1],
        input: 'pixel_values',
      },
    ],
  },
  config: parseConfig(trainingSchema, {
    seed: SEED,
    batch: 64,
    lr: 3e-3,
    pretrainedRate: 1,
    stages: [{ train: 'all', epochs: EPOCHS, batchNorm: 'training' }],
    schedule: { name: 'cosine', warmup: 0.06 },
    optimizer: { name: 'adamw', weightDecay: 0.05 },
    // Features from training with label smoothing transfer less well (Kornblith et al., 2021).
    loss: { name: 'cross-entropy', labelSmoothing: 0 },
  }),
  resume: existsSync(checkpointFile) ? readCheckpoint() : undefined,
});

for await (const event of trainer.run()) {
  if (event.type === 'step' && event.step % 50 === 0) {
    console.log(
      `epoch ${event.epoch} step ${event.step}/${event.steps}: loss ${event.loss.toFixed(3)}, ${event.computed.toFixed(2)} s`,
    );
  }
  if (event.type !== 'epoch') continue;
  saveCheckpoint(await trainer.checkpoint());
  const { epoch, train, val, seconds } = event;
  console.log(
    `epoch ${epoch}: train ${train.accuracy.toFixed(3)}, val ${val.accuracy.toFixed(3)} (loss ${val.loss.toFixed(3)}), ${seconds.toFixed(0)} s`,
  );
}

function saveCheckpoint({ state, progress }: Checkpoint): void {
  writeFileSync(
    `${checkpointFile}.part`,
    writeSafetensors({ tensors: state, metadata: { progress: JSON.stringify(progress) } }),
  );
  renameSync(`${checkpointFile}.part`, checkpointFile);
}

function readCheckpoint(): Checkpoint {
  const { tensors, metadata } = readSafetensors(readFileSync(checkpointFile));
  return { state: tensors, progress: JSON.parse(metadata.progress) };
}
