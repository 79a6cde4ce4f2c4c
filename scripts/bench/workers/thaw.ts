/** Thaw as a contender: the training steps of one stage, as the trainer runs them. */
import type { Batch } from '../../../src/data/index.ts';
import { packageVersion } from '../../../src/runtime/node/packages.ts';
import type { CompiledStage } from '../../../src/training/index.ts';
import { VERSION } from '../../../src/version.ts';
import type { StepsReady, StepsRequest, StepsTaken } from '../protocol.ts';
import { readBatches } from './batches.ts';
import { serve, threads } from './serve.ts';
import { compileStage, trainableOf } from './stage.ts';
import { cpuRuntime, openNetwork } from './thaw-network.ts';

let stage: CompiledStage;
let batches: readonly Batch[];
let lr: number;
let taken = 0;

async function prepare(request: StepsRequest): Promise<StepsReady> {
  const runtime = cpuRuntime(threads());
  const prepared = await openNetwork(request.files[request.options.batchNorm as 'folded' | 'kept'], runtime);
  stage = await compileStage(prepared, request, runtime);
  batches = await readBatches(request);
  lr = request.lr;
  return {
    trainable: trainableOf(prepared, request).elements,
    version: `${VERSION} on onnxruntime-node ${await packageVersion('onnxruntime-node')}`,
  };
}

async function step(count: number): Promise<StepsTaken> {
  const seconds: number[] = [];
  const losses: number[] = [];
  const before = process.cpuUsage();
  for (let i = 0; i < count; i++) {
    const batch = batches[taken++ % batches.length];
    const began = performance.now();
    const [{ loss }] = await stage.train([{ batch, lr, step: taken }]);
    seconds.push((performance.now() - began) / 1000);
    losses.push(loss);
  }
  const { user, system } = process.cpuUsage(before);
  return { seconds, losses, cpu: (user + system) / 1e6 };
}

/** The parameters that a selection means in a file, so that other contenders train the same. */
async function select(request: { file: string; selection: string }): Promise<{ names: string[] }> {
  const prepared = await openNetwork(request.file, cpuRuntime(threads()));
  return { names: trainableOf(prepared, { ...request, lr: 1 }).names };
}

await serve({ prepare, step, select });
