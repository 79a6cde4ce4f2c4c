/** Thaw as a contender in a page: the training steps of one stage, as the trainer runs them. */
import { env } from 'onnxruntime-web/wasm';
import type { Batch } from '../../../src/data/index.ts';
import { readModel } from '../../../src/onnx/index.ts';
import { webRuntime } from '../../../src/runtime/web/sessions.ts';
import { prepareModel } from '../../../src/session/index.ts';
import type { CompiledStage } from '../../../src/training/index.ts';
import { VERSION } from '../../../src/version.ts';
import { compileStage, trainableOf } from '../workers/stage.ts';
import type { PageRequest } from './protocol.ts';
import { fetchBatches, fetchBytes, serve, timed } from './serve.ts';

let stage: CompiledStage;
let batches: readonly Batch[];
let lr: number;
let taken = 0;

async function prepare(request: PageRequest) {
  const { device, threads = request.threads } = request.options as { device: 'wasm' | 'webgpu'; threads?: number };
  const runtime = webRuntime({ device, threads, assets: request.ort });
  const prepared = await prepareModel(readModel(await fetchBytes(request.files.folded)), runtime);
  stage = await compileStage(prepared, request, runtime);
  batches = await fetchBatches(request);
  lr = request.lr;
  return {
    trainable: trainableOf(prepared, request).elements,
    version: `${VERSION} on onnxruntime-web ${env.versions.web}`,
  };
}

const step = (count: number) =>
  timed(count, async () => {
    const batch = batches[taken++ % batches.length];
    return (await stage.train([{ batch, lr, step: taken }]))[0].loss;
  });

serve({ prepare, step });
