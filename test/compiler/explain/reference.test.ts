// The maps of a small convolutional network and of a small transformer, next to captum's and to the formulas of the papers
// (scripts/reference/explain.py).
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { type ExplainMethod, explainGraph, suitableMethod } from '../../../src/compiler/explain/index.ts';
import { readModel, tensor, writeModel } from '../../../src/onnx/index.ts';
import { nodeRuntime } from '../../../src/runtime/node/sessions.ts';
import { inferNetwork, scoresOf } from '../../../src/session/index.ts';

interface Reference {
  readonly shape: readonly number[];
  readonly images: readonly number[];
  readonly target: readonly number[];
  readonly maps: Readonly<Record<string, { readonly shape: readonly number[]; readonly values: readonly number[] }>>;
}

const folder = new URL('../../fixtures/explain/', import.meta.url);
const runtime = await nodeRuntime();

async function opened(name: string) {
  const reference: Reference = JSON.parse(readFileSync(new URL(`${name}.json`, folder), 'utf8'));
  const network = await inferNetwork(readModel(readFileSync(new URL(`${name}.onnx`, folder))), runtime);
  const [, , height, width] = reference.shape;
  const plan = {
    scores: scoresOf(network.model, network.model.graph.outputs[0].name),
    images: { layout: 'nchw' as const, width, height },
  };
  return { reference, network, plan };
}

const cases: readonly [name: string, method: ExplainMethod][] = [
  ['cnn', 'grad-cam'],
  ['cnn', 'grad-cam++'],
  ['vit', 'grad-cam'],
  ['vit', 'grad-cam++'],
  ['vit', 'attention'],
  ['vit', 'rollout'],
];

test.each(cases)('%s: %s', async (name, method) => {
  const { reference, network, plan } = await opened(name);
  const graph = explainGraph(network, { ...plan, method });
  const session = await runtime.load(writeModel(graph.model));
  const { [graph.result]: map } = await session.run({
    [graph.images]: tensor('float32', reference.shape, Float32Array.from(reference.images)),
    [graph.target]: tensor('int64', [reference.target.length], BigInt64Array.from(reference.target, BigInt)),
  });
  const expected = reference.maps[method];
  expect(map.shape).toEqual(expected.shape);
  const largest = Math.max(...expected.values);
  expect(largest).toBeGreaterThan(0);
  const difference = Math.max(...expected.values.map((value, i) => Math.abs(value - Number(map.data[i]))));
  expect(difference / largest).toBeLessThan(1e-5);
});

test('the method that suits the network is the default', async () => {
  const [cnn, vit] = [await opened('cnn'), await opened('vit')];
  expect(suitableMethod(cnn.network, cnn.plan)).toBe('grad-cam');
  expect(suitableMethod(vit.network, vit.plan)).toBe('attention');
});
