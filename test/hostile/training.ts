/** Everything that Thaw's compiler and trainer do with a model, with a batch of two. */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { ThawError } from '../../src/errors.ts';
import { writeArtifacts } from '../../src/node/commands/artifacts.ts';
import { inspectModel } from '../../src/node/commands/index.ts';
import { readModelFile } from '../../src/node/models/files.ts';
import { arrayFrom, dataInputsOf, elementCount, isHalf, type Tensor } from '../../src/onnx/index.ts';
import { nodeRuntime } from '../../src/runtime/node/sessions.ts';
import { openInputShapes, type Prepared, prepareModel, takesTexts } from '../../src/session/index.ts';
import { classification } from '../../src/tasks/index.ts';
import { CompiledStage, parseConfig, trainingPlan, trainingSchema } from '../../src/training/index.ts';

const CLASSES = ['a', 'b', 'c'];
const quantized = 'straight-through';

/**
 * Inspects a model, writes its artifacts, gives it a new head and runs a training step.
 *
 * @param folder the folder for the artifacts, which are removed again
 * @returns the outcome of each, in a few words or as the line of a `ThawError`
 */
export async function trainOnce(path: string, folder: string): Promise<readonly string[]> {
  const out = join(folder, 'artifacts');
  return [
    await outcome(async () => `inspected, trainable: ${(await inspectModel({ model: path, quantized })).trainable}`),
    await outcome(async () => {
      try {
        return `artifacts of ${await largest((trainable) => writeArtifacts({ model: path, out, trainable, quantized }))}`;
      } finally {
        rmSync(out, { recursive: true, force: true });
      }
    }),
    await outcome(async () => `trained: ${await step(path)}`),
  ];
}

async function outcome(run: () => Promise<string>): Promise<string> {
  try {
    return await run();
  } catch (error) {
    if (!(error instanceof ThawError)) throw error;
    if (/\n/.test(error.line)) throw new Error(`a message of several lines: ${error.line}`);
    return `${error.code}: ${error.message}`;
  }
}

/** The largest selection that gradients reach: all layers, or else the head. */
async function largest(run: (trainable: string) => Promise<unknown>): Promise<string> {
  try {
    await run('all');
    return 'all';
  } catch (error) {
    if (!(error instanceof ThawError) || error.code !== 'unsupported-operator') throw error;
    await run('head');
    return 'head';
  }
}

async function step(path: string): Promise<string> {
  const model = await readModelFile(path);
  const runtime = nodeRuntime();
  const encoder = takesTexts(model) ? ({ pooling: 'auto' } as const) : undefined;
  const inputs = openInputShapes(model, undefined);
  const prepared = await prepareModel(model, runtime, { classes: CLASSES.length, encoder, inputs, quantized });
  const trained = await largest((trainable) => stepOf(prepared, trainable));
  return trained;
}

async function stepOf({ network, anatomy, output }: Prepared, trainable: string): Promise<void> {
  const config = parseConfig(trainingSchema, {});
  const plan = trainingPlan(config, { train: trainable, epochs: 1 }, anatomy, output);
  const stage = await CompiledStage.compile({
    ...{ network, plan, runtime: nodeRuntime(), seed: 1 },
    task: classification(CLASSES),
  });
  try {
    const [batch, sequence] = [2, 3];
    const inputs = dataInputsOf(network.model.graph).map(({ name }): Tensor => {
      const { type, shape } = network.values.get(name)!;
      const sizes = shape.map((d) => (typeof d === 'number' ? d : d === 'batch' ? batch : sequence));
      if (type === 'string') throw new ThawError('bad-model', 'an input of strings, which no source fills', '');
      const data = isHalf(type)
        ? new Uint16Array(elementCount(sizes))
        : arrayFrom(type, new Array(elementCount(sizes)).fill(1));
      return { type, shape: sizes, data };
    });
    const labels = BigInt64Array.of(0n, 1n);
    const [{ loss }] = await stage.train([
      { batch: { inputs, labels, indices: [0, 1], sizes: { sequence } }, lr: 1e-3, step: 1 },
    ]);
    if (typeof loss !== 'number') throw new Error(`the loss is ${loss}`);
    const state = await stage.state();
    for (const name of plan.trainable) if (!state.has(name)) throw new Error(`the state has no "${name}"`);
  } finally {
    await stage.release();
  }
}
