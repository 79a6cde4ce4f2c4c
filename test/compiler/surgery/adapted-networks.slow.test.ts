import { describe, expect, it } from 'vitest';
import { upgrade } from '../../../src/compiler/import/index.ts';
import { inferShapes } from '../../../src/compiler/shapes/index.ts';
import { adapterNames, findHead, groupsOf, mergeAdapters, placeAdapters } from '../../../src/compiler/surgery/index.ts';
import { readModel, type Tensor, writeModel } from '../../../src/onnx/index.ts';
import { nodeRuntime } from '../../../src/runtime/node/sessions.ts';
import { withState } from '../../../src/training/index.ts';
import { loadNetwork } from '../../reference.ts';
import { weights } from '../../small-models.ts';

const runtime = nodeRuntime('cpu', { intraOpNumThreads: 1 });

/** Largest difference between two tensors, relative to the largest element. */
function distance(a: Tensor, b: Tensor): number {
  const [x, y] = [a.data as Float32Array, b.data as Float32Array];
  return Math.max(...x.map((v, i) => Math.abs(v - y[i]))) / Math.max(...y.map(Math.abs));
}

const norm = ({ data }: Tensor): number => Math.sqrt((data as Float32Array).reduce((all, v) => all + v * v, 0));

describe('adapters of whole networks keep the outputs, and merge into weights that compute the same', () => {
  it.each([
    ['vit-torchscript', 'all', 1e-4],
    ['swin-torchscript', '*attn*', 1e-4],
    ['bert-torchscript', 'query,value', 1e-4],
    ['distilbert-dynamo', 'MatMul,Gemm', 1e-4],
    ['resnet18-kept', 'layer3.*,/^layer4/', 1e-4],
    ['mobilenet_v2-folded', 'all', 1e-4],
    ['resnext-kept', 'Conv', 1e-4],
    ['keras_mobilenet_v2-tf2onnx', 'all', 1e-4],
  ])('%s, %s', async (name, targets, tolerance) => {
    const reference = loadNetwork(name);
    const plain = await inferShapes(upgrade(readModel(reference.model)), runtime);
    const head = findHead(plain.model);
    const groups = groupsOf(plain.model, head);
    const lora = { rank: 1, alpha: 2, targets };
    const { network, adapters } = placeAdapters(plain, groups, head, { ...lora, seed: 0 });
    const { inputs } = reference.runs[0];
    const run = async ({ model }: typeof network) => {
      const session = await runtime.load(writeModel(model));
      const { logits } = await session.run({ ...inputs }, ['logits']);
      await session.release();
      return logits;
    };
    const before = await run(plain);
    expect(distance(await run(network), before)).toBeLessThan(1e-5);

    const { initializers } = network.model.graph;
    const state = new Map(
      adapters.flatMap(({ weight }, i) => {
        const { a, b } = adapterNames(weight);
        const scale = norm(initializers.get(weight)!) / 8;
        const { shape } = initializers.get(b)!;
        const drawn = weights(shape, i);
        const values = (drawn.data as Float32Array).map((v) => (v * scale) / Math.sqrt(shape[0]));
        return [[a, initializers.get(a)!] as const, [b, { ...drawn, data: values }] as const];
      }),
    );
    const adapted = await run(withState(network, state));
    const merged = mergeAdapters(state, (weight) => initializers.get(weight), lora);
    expect(distance(adapted, before)).toBeGreaterThan(0.01);
    expect(distance(await run(withState(plain, merged)), adapted)).toBeLessThan(tolerance);
  });
});
