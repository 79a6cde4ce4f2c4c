/** Thaw as a contender: `thaw train`, from a model file and a folder of images to the finished model. */

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readAugmentation } from '../../../src/data/index.ts';
import { fetchModel } from '../../../src/node/commands/fetch-model.ts';
import { train } from '../../../src/node/commands/index.ts';
import { readFrom } from '../../../src/node/commands/platform.ts';
import { readModelFile } from '../../../src/node/models/files.ts';
import { packageVersion } from '../../../src/runtime/node/packages.ts';
import { inputFormatOf, openDataset, readSettings, trainingConfigOf } from '../../../src/session/index.ts';
import { PRETRAINED_RATE, planStages, trainingPlan } from '../../../src/training/index.ts';
import { VERSION } from '../../../src/version.ts';
import type { JobDone, JobRequest, Recipe } from '../protocol.ts';
import { serve, threads } from './serve.ts';
import { cpuRuntime, openNetwork } from './thaw-network.ts';

/** The training that Thaw's defaults give for this model and these images. */
async function describe({ network, model, data, settings: own }: JobRequest): Promise<Recipe> {
  const settings = readSettings(own);
  const config = trainingConfigOf(settings);
  const { schedule, loss, pretrainedRate = PRETRAINED_RATE, batch, seed } = config;
  if (schedule.name !== 'cosine' || loss.name !== 'cross-entropy' || schedule.end !== 0) {
    throw new Error(`PyTorch's side is written for the cosine schedule and cross-entropy`);
  }
  const resolved = await fetchModel(model, {});
  const preprocessing = inputFormatOf(await readModelFile(resolved.path), resolved, settings, {});
  const images = await openDataset(preprocessing, settings, () => [], readFrom(data));
  const prepared = await openNetwork(join(model, 'kept.onnx'), cpuRuntime(threads()), images.classes.length);
  const { anatomy } = prepared;
  return {
    network,
    model,
    classes: images.classes.length,
    train: images.train,
    val: images.val,
    stages: planStages(config, anatomy).map((stage) => ({
      epochs: stage.epochs,
      lr: stage.lr ?? config.lr,
      trainable: [...trainingPlan(config, stage, anatomy, anatomy.head.graphOutput).trainable],
    })),
    head: [anatomy.head.weight, anatomy.head.bias].filter((name) => name !== undefined),
    pretrainedRate,
    warmup: schedule.warmup,
    labelSmoothing: loss.labelSmoothing ?? 0,
    batch,
    seed,
    augmentation: readAugmentation(settings.augment),
    preprocessing,
  };
}

async function run({ model, data, settings }: JobRequest): Promise<JobDone> {
  const folder = await mkdtemp(join(tmpdir(), 'thaw-bench-'));
  const epochs: JobDone['epochs'][number][] = [];
  let training = 0;
  try {
    const began = performance.now();
    const outcome = await train(
      { model, data, out: join(folder, 'run'), settings: { device: 'cpu', ...settings } },
      {
        onEvent: (event) => {
          if (event.type === 'step') training += event.waited + event.computed;
          if (event.type !== 'epoch') return;
          const { stage, seconds, val } = event;
          epochs.push({ stage, train: training, val: seconds - training, accuracy: val.accuracy });
          training = 0;
        },
      },
    );
    return {
      seconds: (performance.now() - began) / 1000,
      accuracy: outcome.after!.accuracy,
      epochs,
      version: `${VERSION} on onnxruntime-node ${await packageVersion('onnxruntime-node')}`,
    };
  } finally {
    await rm(folder, { recursive: true });
  }
}

await serve({ describe, run });
