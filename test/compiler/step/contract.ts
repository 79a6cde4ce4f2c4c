/** A plan for the small classifier, and sessions of its artifacts. */
import { expect } from 'vitest';
import { PLAN_DEFAULTS, type TrainingPlan } from '../../../src/compiler/step/index.ts';
import { type Graph, type Model, type Tensor, writeModel } from '../../../src/onnx/index.ts';
import type { Feeds } from '../../../src/runtime/index.ts';
import { tensor } from '../../small-models.ts';
import { CLASSES, type NetworkOptions, prepared, runtime, SIDE } from '../../training/network.ts';

export const BACKBONE = ['conv1.weight', 'conv1.bias', 'conv2.weight', 'conv2.bias'];
export const HEAD = ['fc.weight', 'fc.bias'];

export const planOf = (trainable: readonly string[], more: Partial<TrainingPlan> = {}): TrainingPlan => ({
  ...PLAN_DEFAULTS,
  trainable: new Set(trainable),
  output: 'logits',
  ...more,
});

export async function networkOf(options: NetworkOptions = {}) {
  return (await prepared(options)).network;
}

export const images = (samples: number) =>
  tensor('float32', [samples, 3, SIDE, SIDE], (i) => Math.sin(i * 0.7) + Math.cos(i * 0.11));
export const labels = (samples: number) => tensor('int64', [samples], (i) => i % CLASSES);
export const data = (samples: number): Feeds => ({ pixel_values: images(samples), labels: labels(samples) });

export async function run(model: Model, feeds: Feeds): Promise<Record<string, Tensor>> {
  const session = await runtime.load(writeModel(model));
  try {
    const known = new Set(session.inputNames);
    return await session.run(Object.fromEntries(Object.entries(feeds).filter(([name]) => known.has(name))));
  } finally {
    await session.release();
  }
}

export const numbers = ({ data: values }: Tensor): number[] => Array.from(values as Float32Array);
export const typed = ({ inputs, outputs }: Graph) => ({
  inputs: Object.fromEntries(inputs.map(({ name, type, shape }) => [name, `${type} [${shape}]`])),
  outputs: Object.fromEntries(outputs.map(({ name, type, shape }) => [name, `${type} [${shape}]`])),
});
export const gradientsOf = ({ outputs }: Graph) =>
  outputs.flatMap(({ name }) => (name.endsWith('.grad') ? [name.slice(0, -'.grad'.length)] : []));

/** Compares to float32 precision, relative to the largest element. */
export function close(found: Tensor, expected: Tensor): void {
  const exact = numbers(expected);
  const scale = Math.max(...exact.map(Math.abs), 1e-6);
  expect(found.shape).toEqual(expected.shape);
  expect(Math.max(...numbers(found).map((v, i) => Math.abs(v - exact[i]))) / scale).toBeLessThan(2e-5);
}
