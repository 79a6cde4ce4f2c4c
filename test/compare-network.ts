import { trainingModel } from '../src/compiler/step/index.ts';
import { readModel, type Tensor, writeModel } from '../src/onnx/index.ts';
import type { Runtime } from '../src/runtime/index.ts';
import { planGraphs } from '../src/session/index.ts';
import { compareTensor, type ReferenceNetwork, type ReferenceRun } from './reference.ts';

/** How far Thaw's run of one batch is from PyTorch's. */
export interface Comparison {
  readonly loss: number;
  /** Of the model's output, the largest difference, or its relative error where only what pins it is known. */
  readonly output: number;
  /** Every parameter's gradient. */
  readonly gradients: readonly { readonly parameter: string; readonly relative: number; readonly cosine: number }[];
  /** The norms of those whose exact gradient is zero, relative to the largest gradient's. */
  readonly vanishing: readonly { readonly parameter: string; readonly norm: number }[];
  /** Parameters that PyTorch trains and Thaw does not, and tensors that Thaw trains and PyTorch does not. */
  readonly missing: readonly string[];
  readonly extra: readonly string[];
}

/** Compiles the network as `thaw artifacts --trainable all` does, once, and compares each of its runs with PyTorch's. */
export async function compareNetwork(
  reference: ReferenceNetwork,
  runtime: Runtime,
  layout: Parameters<typeof trainingModel>[2] = {},
): Promise<Comparison[]> {
  const { loss } = reference;
  const { network, plan } = await planGraphs(readModel(reference.model), runtime, { trainable: 'all', loss });
  const { initializers } = network.model.graph;
  const parameters = Object.fromEntries([...plan.trainable].map((name) => [name, initializers.get(name)!]));
  const expected = new Set(reference.parameters);
  const sets = {
    missing: reference.parameters.filter((name) => !plan.trainable.has(name)),
    extra: [...plan.trainable].filter((name) => !expected.has(name)),
  };
  const session = await runtime.load(writeModel(trainingModel(network, plan, layout)));
  try {
    const comparisons: Comparison[] = [];
    for (const run of reference.runs) {
      const results = await session.run({ ...run.inputs, labels: run.labels, ...parameters });
      comparisons.push({ ...compareRun(reference, run, results), ...sets });
    }
    return comparisons;
  } finally {
    await session.release();
  }
}

function compareRun(
  { vanishing }: ReferenceNetwork,
  run: ReferenceRun,
  results: Readonly<Record<string, Tensor>>,
): Omit<Comparison, 'missing' | 'extra'> {
  const floats = (name: string) => results[name].data as Float32Array;
  const largest = Math.max(...Object.values(run.gradients).map(({ norm }) => norm));
  return {
    loss: Math.abs(floats('loss')[0] - run.loss),
    output: compareOutput(run, floats('logits')),
    gradients: Object.entries(run.gradients)
      .filter(([parameter]) => results[`${parameter}.grad`])
      .map(([parameter, summary]) => ({ parameter, ...compareTensor(summary, floats(`${parameter}.grad`)) })),
    vanishing: vanishing
      .filter((parameter) => results[`${parameter}.grad`])
      .map((parameter) => ({ parameter, norm: Math.hypot(...floats(`${parameter}.grad`)) / largest })),
  };
}

/** How far the model's result is from PyTorch's. */
export function compareOutput({ output }: ReferenceRun, values: Float32Array): number {
  if ('norm' in output) return compareTensor(output, values).relative;
  return Math.max(...output.flat().map((x, i) => Math.abs(x - values[i])));
}
